#include "nn/models/resnet_blocks.h"

namespace fledge {

class ResidualBlock::Downsample : public Module {
 public:
  Downsample(std::int64_t in, std::int64_t out, int stride, Generator& g)
      : conv(child<Conv2d>("0", conv_options(in, out, 1, stride, 0), g)), bn(child<BatchNorm2d>("1", out)) {}

  const std::shared_ptr<Conv2d> conv;
  const std::shared_ptr<BatchNorm2d> bn;
};

ResidualBlock::ResidualBlock(const BlockKind& kind, std::int64_t in, std::int64_t planes, int stride, Generator& g) {
  const std::int64_t out = planes * kind.expansion();
  const bool first = kind.where == BottleneckStride::In1x1;
  if (kind.bottleneck) {
    append(in, planes, 1, first ? stride : 1, g);
    append(planes, planes, 3, first ? 1 : stride, g);
    append(planes, out, 1, 1, g);
  } else {
    append(in, planes, 3, stride, g);
    append(planes, out, 3, 1, g);
  }
  if (stride != 1 || in != out) downsample_ = child<Downsample>("downsample", in, out, stride, g);
}

void ResidualBlock::append(std::int64_t in, std::int64_t out, int kernel, int stride, Generator& g) {
  const std::string number = std::to_string(branch_.size() + 1);
  const auto conv = child<Conv2d>("conv" + number, conv_options(in, out, kernel, stride, kernel / 2), g);
  branch_.push_back({conv, child<BatchNorm2d>("bn" + number, out)});
}

// Variables are written over, so that inference holds no map longer than it is read.
Variable ResidualBlock::forward(Variable x) const {
  Variable y = x;
  for (std::size_t i = 0; i + 1 < branch_.size(); ++i)
    y = conv_norm_act(*branch_[i].conv, *branch_[i].bn, Activation::ReLU, y);
  if (downsample_) x = conv_norm_act(*downsample_->conv, *downsample_->bn, Activation::None, x);
  return conv_norm_act(*branch_.back().conv, *branch_.back().bn, Activation::ReLU, y, x);
}

}  // namespace fledge
