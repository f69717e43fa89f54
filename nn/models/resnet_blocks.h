// The two residual blocks of ResNet (He et al. 2016, figure 5), with torchvision's names. Batch norm, residual add and
// ReLU are one node.
#pragma once
#include <memory>

#include "nn/layers/conv_norm_act.h"

namespace fledge {

/// y = relu( branch(x) + shortcut(x) ); the shortcut is x, or bn(conv1x1(x)) where size or channels change
/// ("downsample.0", "downsample.1").
class ResidualBlock : public Module {
 public:
  virtual Variable forward(Variable x) const = 0;

 protected:
  ResidualBlock() = default;
  void add_downsample(std::int64_t in, std::int64_t out, int stride, Generator& g);
  Variable shortcut(const Variable& x) const;

 private:
  class Downsample;
  std::shared_ptr<Downsample> downsample_;  // null: identity
};

/// Two 3x3 convolutions (ResNet-18/34): `planes` output channels, the first one strided.
class BasicBlock : public ResidualBlock {
 public:
  static constexpr int kExpansion = 1;
  BasicBlock(std::int64_t in, std::int64_t planes, int stride, Generator& g);
  Variable forward(Variable x) const override;

 private:
  std::shared_ptr<Conv2d> conv1_, conv2_;
  std::shared_ptr<BatchNorm2d> bn1_, bn2_;
};

/// Which convolution of a bottleneck is strided.
enum class BottleneckStride {
  In3x3,  // torchvision's "v1.5"
  In1x1,  // the first one: He et al. 2016 as published, Caffe ("v1")
};

/// 1x1, 3x3, 1x1 convolutions (ResNet-50/101/152): 4 * planes output channels.
class Bottleneck : public ResidualBlock {
 public:
  static constexpr int kExpansion = 4;
  Bottleneck(std::int64_t in, std::int64_t planes, int stride, Generator& g,
             BottleneckStride where = BottleneckStride::In3x3);
  Variable forward(Variable x) const override;

 private:
  std::shared_ptr<Conv2d> conv1_, conv2_, conv3_;
  std::shared_ptr<BatchNorm2d> bn1_, bn2_, bn3_;
};

}  // namespace fledge
