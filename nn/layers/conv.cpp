#include "nn/layers/conv.h"

#include "autograd/ops/conv.h"
#include "nn/init.h"
#include "nn/layers/conv_norm_act.h"

namespace fledge {

Conv2dOptions conv_options(std::int64_t in, std::int64_t out, int kernel, int stride, int padding, int groups) {
  Conv2dOptions options;
  options.in_channels = in;
  options.out_channels = out;
  options.kernel = kernel;
  options.params = {.stride_h = stride,
                    .stride_w = stride,
                    .pad_top = padding,
                    .pad_left = padding,
                    .pad_bottom = padding,
                    .pad_right = padding,
                    .groups = groups};
  return options;
}

Conv2d::Conv2d(const Conv2dOptions& options, Generator& g)
    : options_(options), folded_(std::make_shared<FoldedConv>()) {
  const std::int64_t groups = options.params.groups;
  if (groups < 1 || options.in_channels < 1 || options.out_channels < 1 || options.in_channels % groups != 0 ||
      options.out_channels % groups != 0) {
    throw Error(ErrorKind::Usage, "Conv2d",
                std::to_string(options.in_channels) + " input and " + std::to_string(options.out_channels) +
                    " output channels do not divide into " + std::to_string(groups) + " groups");
  }
  const Dims dims{options.out_channels, options.in_channels / groups, options.kernel, options.kernel};
  weight_ = &parameter("weight", kaiming_normal(dims, FanMode::Out, g));
  if (options.bias) bias_ = &parameter("bias", constant({options.out_channels}, 0));
}

Variable Conv2d::forward(const Variable& x, Tensor* moments) const {
  return conv2d(x, *weight_, bias(), options_.params, moments);
}

void Conv2d::drop_inference_copies() { folded_->drop(); }

}  // namespace fledge
