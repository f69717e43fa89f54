// What --help says of the architectures, from their registry.
#pragma once
#include <string>

namespace fledge {

/// "mobilenet_v1, resnet101, ..."
std::string arch_help();
/// "width multiplier: MobileNet 0.25, 0.5, 0.75, 1; ..."
std::string width_help();
/// "torch; MobileNet also torch-relu6 (timm's) and ...; ResNet-50 and deeper also ..."
std::string variant_help();
/// "torch, torch-relu6, keras (MobileNet), stride-1x1 (ResNet-50 and deeper)"
std::string variant_list();

}  // namespace fledge
