// ResNet-18/34/50/101/152 (He et al. 2016; the strided 3x3 of torchvision's "v1.5" bottleneck). Names as in torchvision:
// conv1, bn1, layer1.0.conv1, layer1.0.bn1, layer2.0.downsample.0, ... ; no fc.
#pragma once
#include "nn/models/model.h"

namespace fledge {

std::shared_ptr<Backbone> make_resnet(const ModelSpec& spec, Generator& g);

}  // namespace fledge
