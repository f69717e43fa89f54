#include "nn/models/resnet_blocks.h"

namespace fledge {

class ResidualBlock::Downsample : public Module {
 public:
  Downsample(std::int64_t in, std::int64_t out, int stride, Generator& g)
      : conv(child<Conv2d>("0", conv_options(in, out, 1, stride, 0), g)), bn(child<BatchNorm2d>("1", out)) {}

  const std::shared_ptr<Conv2d> conv;
  const std::shared_ptr<BatchNorm2d> bn;
};

void ResidualBlock::add_downsample(std::int64_t in, std::int64_t out, int stride, Generator& g) {
  if (stride != 1 || in != out) downsample_ = child<Downsample>("downsample", in, out, stride, g);
}

Variable ResidualBlock::shortcut(const Variable& x) const {
  return downsample_ ? conv_norm_act(*downsample_->conv, *downsample_->bn, Activation::None, x) : x;
}

BasicBlock::BasicBlock(std::int64_t in, std::int64_t planes, int stride, Generator& g) {
  conv1_ = child<Conv2d>("conv1", conv_options(in, planes, 3, stride, 1), g);
  bn1_ = child<BatchNorm2d>("bn1", planes);
  conv2_ = child<Conv2d>("conv2", conv_options(planes, planes, 3, 1, 1), g);
  bn2_ = child<BatchNorm2d>("bn2", planes);
  add_downsample(in, planes * kExpansion, stride, g);
}

// Variables are written over, so that inference holds no map longer than it is read.
Variable BasicBlock::forward(Variable x) const {
  const Variable y = conv_norm_act(*conv1_, *bn1_, Activation::ReLU, x);
  x = shortcut(x);
  return conv_norm_act(*conv2_, *bn2_, Activation::ReLU, y, x);
}

Bottleneck::Bottleneck(std::int64_t in, std::int64_t planes, int stride, Generator& g, BottleneckStride where) {
  const std::int64_t out = planes * kExpansion;
  const bool first = where == BottleneckStride::In1x1;
  conv1_ = child<Conv2d>("conv1", conv_options(in, planes, 1, first ? stride : 1, 0), g);
  bn1_ = child<BatchNorm2d>("bn1", planes);
  conv2_ = child<Conv2d>("conv2", conv_options(planes, planes, 3, first ? 1 : stride, 1), g);
  bn2_ = child<BatchNorm2d>("bn2", planes);
  conv3_ = child<Conv2d>("conv3", conv_options(planes, out, 1, 1, 0), g);
  bn3_ = child<BatchNorm2d>("bn3", out);
  add_downsample(in, out, stride, g);
}

Variable Bottleneck::forward(Variable x) const {
  Variable y = conv_norm_act(*conv1_, *bn1_, Activation::ReLU, x);
  y = conv_norm_act(*conv2_, *bn2_, Activation::ReLU, y);
  x = shortcut(x);
  return conv_norm_act(*conv3_, *bn3_, Activation::ReLU, y, x);
}

}  // namespace fledge
