// ResNet-18/34/50/101/152 (He et al. 2016). Names as in torchvision: conv1, bn1, layer1.0.conv1, layer1.0.bn1,
// layer2.0.downsample.0, ... ; no fc.
// Variants (ModelSpec::variant): "torch" strides the 3x3 convolution of a bottleneck (torchvision's "v1.5");
// "stride-1x1", of the bottleneck ones (50, 101, 152) only, strides the first 1x1 (as published, Caffe: "v1"). The
// weights are the same. Base width lround(64 * width); features: 512 * width, times 4 for the bottleneck ones (50, 101,
// 152). Stem: 7x7 stride 2 and max pool 3x3 stride 2 (224 -> 56, 28, 14, 7); small: 3x3 stride 1, no pool (28 -> 28,
// 14, 7, 4). Stage maps: the outputs of layer1 ... layer4. Convolutions start from Kaiming normal (fan out), batch norm
// from weight 1, bias 0.
#pragma once
#include <array>
#include <span>

#include "nn/models/external.h"

namespace fledge {

struct ResNetShape {
  const char* arch;
  bool bottleneck;
  std::array<int, 4> blocks;  // per stage (He et al. 2016, table 1)
};
std::span<const ResNetShape> resnet_shapes();

ExternalNames resnet_external();

}  // namespace fledge
