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
  return downsample_ ? downsample_->bn->forward(downsample_->conv->forward(x)) : x;
}

InferenceProgram::Value ResidualBlock::lower_shortcut(InferenceProgram& program, InferenceProgram::Value x) const {
  return downsample_ ? program.conv(x, *downsample_->conv, *downsample_->bn, Activation::None) : x;
}

BasicBlock::BasicBlock(std::int64_t in, std::int64_t planes, int stride, Generator& g) {
  conv1_ = child<Conv2d>("conv1", conv_options(in, planes, 3, stride, 1), g);
  bn1_ = child<BatchNorm2d>("bn1", planes);
  conv2_ = child<Conv2d>("conv2", conv_options(planes, planes, 3, 1, 1), g);
  bn2_ = child<BatchNorm2d>("bn2", planes);
  add_downsample(in, planes * kExpansion, stride, g);
}

Variable BasicBlock::forward(const Variable& x) const {
  const Variable a = bn1_->forward(conv1_->forward(x), Activation::ReLU);
  return bn2_->forward(conv2_->forward(a), Activation::ReLU, shortcut(x));
}

InferenceProgram::Value BasicBlock::lower(InferenceProgram& program, InferenceProgram::Value x) const {
  const auto identity = lower_shortcut(program, x);
  const auto a = program.conv(x, *conv1_, *bn1_, Activation::ReLU);
  return program.conv(a, *conv2_, *bn2_, Activation::ReLU, identity);
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

Variable Bottleneck::forward(const Variable& x) const {
  const Variable a = bn1_->forward(conv1_->forward(x), Activation::ReLU);
  const Variable b = bn2_->forward(conv2_->forward(a), Activation::ReLU);
  return bn3_->forward(conv3_->forward(b), Activation::ReLU, shortcut(x));
}

InferenceProgram::Value Bottleneck::lower(InferenceProgram& program, InferenceProgram::Value x) const {
  const auto identity = lower_shortcut(program, x);
  const auto a = program.conv(x, *conv1_, *bn1_, Activation::ReLU);
  const auto b = program.conv(a, *conv2_, *bn2_, Activation::ReLU);
  return program.conv(b, *conv3_, *bn3_, Activation::ReLU, identity);
}

}  // namespace fledge
