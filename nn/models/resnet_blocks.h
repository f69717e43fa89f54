// The two residual blocks of ResNet (He et al. 2016, figure 5), with torchvision's names. Batch norm, residual add and
// ReLU are one node.
#pragma once
#include <memory>
#include <vector>

#include "nn/layers/conv_norm_act.h"

namespace fledge {

/// Which convolution of a bottleneck is strided.
enum class BottleneckStride {
  In3x3,  // torchvision's "v1.5"
  In1x1,  // the first one: He et al. 2016 as published, Caffe ("v1")
};

struct BlockKind {
  bool bottleneck;
  BottleneckStride where = BottleneckStride::In3x3;

  std::int64_t expansion() const { return bottleneck ? 4 : 1; }
};

/// y = relu( branch(x) + shortcut(x) ); the shortcut is x, or bn(conv1x1(x)) where size or channels change
/// ("downsample.0", "downsample.1"). The branch, "conv1", "bn1", "conv2", ...: two 3x3 convolutions with `planes`
/// output channels, the first one strided (ResNet-18/34); or 1x1, 3x3, 1x1 convolutions with 4 * planes output channels
/// (ResNet-50/101/152).
class ResidualBlock : public Module {
 public:
  ResidualBlock(const BlockKind& kind, std::int64_t in, std::int64_t planes, int stride, Generator& g);
  Variable forward(Variable x) const;

 private:
  struct ConvNorm {
    std::shared_ptr<Conv2d> conv;
    std::shared_ptr<BatchNorm2d> bn;
  };
  void append(std::int64_t in, std::int64_t out, int kernel, int stride, Generator& g);

  class Downsample;
  std::vector<ConvNorm> branch_;
  std::shared_ptr<Downsample> downsample_;  // null: identity
};

}  // namespace fledge
