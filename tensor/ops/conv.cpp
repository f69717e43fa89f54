#include "tensor/ops/conv.h"

#include <optional>

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

std::string sizes(const Dims& x, const Dims& w) { return "input " + to_string(x) + ", weight " + to_string(w); }

[[noreturn]] void fail_channels(const char* op, const Dims& x, const Dims& w, int groups) {
  const std::string text = "input has " + std::to_string(x[1]) + " channels but weight expects " +
                           std::to_string(w[1]) + " per group x " + std::to_string(groups) +
                           (groups == 1 ? " group: " : " groups: ") + sizes(x, w);
  const bool another_fits = w[1] > 0 && x[1] % w[1] == 0 && x[1] > 0 && w[0] % (x[1] / w[1]) == 0;
  check::fail(op, text, another_fits ? "did you mean groups=" + std::to_string(x[1] / w[1]) + "?" : "");
}

[[noreturn]] void fail_params(const char* op, const Dims& x, const Dims& w, const Conv2dParams& p,
                              const char* problem) {
  check::fail(op, std::string(problem) + ": " + p.descriptor(x, w));
}

// The sizes of input and weight agree and leave an output; returns its dims.
Dims checked_output(const char* op, const Dims& x, const Dims& w, const Conv2dParams& p) {
  if (p.groups < 1 || p.stride_h < 1 || p.stride_w < 1) [[unlikely]]
    fail_params(op, x, w, p, "groups and strides must be at least 1");
  if (p.pad_top < 0 || p.pad_left < 0 || p.pad_bottom < 0 || p.pad_right < 0) [[unlikely]]
    fail_params(op, x, w, p, "padding must not be negative");
  if (x[1] != w[1] * p.groups) [[unlikely]]
    fail_channels(op, x, w, p.groups);
  if (w[0] % p.groups != 0) [[unlikely]]
    fail_params(op, x, w, p, "output channels must divide into groups");
  const std::int64_t h = x[2] + p.pad_top + p.pad_bottom, wide = x[3] + p.pad_left + p.pad_right;
  if (w[2] < 1 || w[3] < 1 || h < w[2] || wide < w[3]) [[unlikely]] {
    check::fail(op,
                "the filter is larger than the padded picture, no output is left: " + sizes(x, w) + ", padded " +
                    std::to_string(h) + "x" + std::to_string(wide),
                "use a larger picture or more padding");
  }
  return p.output_dims(x, w);
}

Dims checked_input(const char* op, const Tensor& x, const Tensor& w, const Conv2dParams& p) {
  check::rank(op, {x, "input"}, 4);
  check::rank(op, {w, "weight"}, 4);
  check::same_kind(op, {x, "input"}, {w, "weight"});
  return checked_output(op, x.dims(), w.dims(), p);
}

void check_rank4(const char* op, const char* name, const Dims& dims) {
  if (dims.rank() != 4) check::fail(op, std::string(name) + " must be four sizes: " + to_string(dims));
}

Tensor channels_last(const Dims& dims, const Tensor& like) {
  return Tensor::empty(dims, like.dtype(), Layout::ChannelsLast, like.device());
}
// Gradients of weights and biases: what the optimiser adds up.
Tensor gradient(const Dims& dims, Layout layout, const Tensor& like) {
  return Tensor::empty(dims, accumulated(like.dtype()), layout, like.device());
}

Tensor filled_with_zero(Tensor t) {
  t.fill(0);
  return t;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params, Tensor* moments) {
  constexpr const char* op = "conv2d";
  const Dims y_dims = checked_input(op, x, w, params);
  if (bias.defined()) check::fits_accumulated(op, {x, "input"}, {bias, "bias"}, {w.dim(0)}, "one per output channel");
  const auto forward = kernel<&KernelTable::conv, &ConvKernels::forward>(op, x);
  Tensor y = channels_last(y_dims, x);
  if (y.numel() == 0) return y;
  const ChannelsLastArg input(op, "input", x), weight(op, "weight", w);
  std::optional<ContiguousArg> b;
  if (bias.defined()) b.emplace(op, "bias", bias);
  if (!moments || !has_kernel<&KernelTable::conv, &ConvKernels::forward_moments>(x)) {
    forward(context(), input, weight, b ? &b->view() : nullptr, y.view(), params);
    return y;
  }
  *moments = Tensor::empty({2, w.dim(0)}, DType::Float64, Layout::Contiguous, x.device());
  kernel<&KernelTable::conv, &ConvKernels::forward_moments>(op, x)(context(), input, weight, b ? &b->view() : nullptr,
                                                                   y.view(), moments->view(), params);
  return y;
}

Tensor conv2d_grad_input(const Tensor& dy, const Tensor& w, const Dims& x_dims, const Conv2dParams& params,
                         const Tensor& place) {
  constexpr const char* op = "conv2d_grad_input";
  check::rank(op, {w, "weight"}, 4);
  check_rank4(op, "x_dims", x_dims);
  check::fits(op, {w, "weight"}, {dy, "output gradient"}, checked_output(op, x_dims, w.dims(), params),
              "the output's sizes");
  const auto grad_input = kernel<&KernelTable::conv, &ConvKernels::grad_input>(op, dy);
  if (place.defined()) {
    check::fits(op, {dy, "output gradient"}, {place, "memory"}, x_dims, "the input's sizes");
    if (!place.is_channels_last()) check::fail(op, "memory must be channels-last: " + describe(place));
    place.bump_version();
  }
  Tensor dx = place.defined() ? place : channels_last(x_dims, dy);
  if (dx.numel() == 0) return dx;
  if (dy.numel() == 0) return filled_with_zero(dx);
  const ChannelsLastArg output_gradient(op, "output gradient", dy), weight(op, "weight", w);
  grad_input(context(), output_gradient, weight, dx.view(), params);
  return dx;
}

Tensor conv2d_grad_weight(const Tensor& dy, const Tensor& x, const Dims& w_dims, const Conv2dParams& params) {
  constexpr const char* op = "conv2d_grad_weight";
  check::rank(op, {x, "input"}, 4);
  check_rank4(op, "w_dims", w_dims);
  check::fits(op, {x, "input"}, {dy, "output gradient"}, checked_output(op, x.dims(), w_dims, params),
              "the output's sizes");
  const auto grad_weight = kernel<&KernelTable::conv, &ConvKernels::grad_weight>(op, dy);
  Tensor dw = gradient(w_dims, Layout::ChannelsLast, dy);
  if (dw.numel() == 0) return dw;
  if (dy.numel() == 0) return filled_with_zero(dw);
  const ChannelsLastArg output_gradient(op, "output gradient", dy), input(op, "input", x);
  grad_weight(context(), output_gradient, input, dw.view(), params);
  return dw;
}

Tensor conv2d_grad_bias(const Tensor& dy) {
  constexpr const char* op = "conv2d_grad_bias";
  check::rank(op, {dy, "output gradient"}, 4);
  const auto grad_bias = kernel<&KernelTable::conv, &ConvKernels::grad_bias>(op, dy);
  Tensor db = gradient({dy.dim(1)}, Layout::Contiguous, dy);
  if (dy.numel() == 0) return filled_with_zero(db);
  grad_bias(context(), ChannelsLastArg(op, "output gradient", dy), db.view());
  return db;
}

Tensor conv2d_fused(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& residual, Activation activation,
                    const Conv2dParams& params) {
  constexpr const char* op = "conv2d_fused";
  const Dims y_dims = checked_input(op, x, w, params);
  if (bias.defined()) check::fits_accumulated(op, {x, "input"}, {bias, "bias"}, {w.dim(0)}, "one per output channel");
  if (residual.defined()) check::fits(op, {x, "input"}, {residual, "residual"}, y_dims, "the output's sizes");
  const auto forward = kernel<&KernelTable::conv, &ConvKernels::forward_fused>(op, x);
  Tensor y = channels_last(y_dims, x);
  if (y.numel() == 0) return y;
  const ChannelsLastArg input(op, "input", x), weight(op, "weight", w);
  std::optional<ContiguousArg> b;
  std::optional<ChannelsLastArg> r;
  if (bias.defined()) b.emplace(op, "bias", bias);
  if (residual.defined()) r.emplace(op, "residual", residual);
  forward(context(), input, weight,
          {.bias = b ? &b->view() : nullptr, .residual = r ? &r->view() : nullptr, .activation = activation}, y.view(),
          params);
  return y;
}

Tensor pixels_conv2d_fused(const StoredPictures& pictures, const Tensor& w, const Tensor& bias, Activation activation,
                           const Conv2dParams& params) {
  constexpr const char* op = "pixels_conv2d_fused";
  check_pictures(op, pictures);
  check::rank(op, {w, "weight"}, 4);
  check::same_device(op, {pictures.pixels, "pixels"}, {w, "weight"});
  if (!has_kernel<&KernelTable::conv, &ConvKernels::pixels_fused>(w))
    return conv2d_fused(pictures.normalized(w.dtype()), w, bias, Tensor(), activation, params);
  const Dims y_dims = checked_output(op, pictures.normalized_dims(), w.dims(), params);
  if (bias.defined()) check::fits_accumulated(op, {w, "weight"}, {bias, "bias"}, {w.dim(0)}, "one per output channel");
  Tensor y = channels_last(y_dims, w);
  if (y.numel() == 0) return y;
  const ContiguousArg pixels(op, "pixels", pictures.pixels);
  const ChannelsLastArg weight(op, "weight", w);
  std::optional<ContiguousArg> b;
  if (bias.defined()) b.emplace(op, "bias", bias);
  kernel<&KernelTable::conv, &ConvKernels::pixels_fused>(op, w)(
      context(), pixels, pictures.normalize, weight, {.bias = b ? &b->view() : nullptr, .activation = activation},
      y.view(), params);
  return y;
}

Tensor separable_conv2d_fused(const Tensor& x, const Tensor& depthwise, const Tensor& depthwise_bias,
                              const Tensor& pointwise, const Tensor& bias, Activation activation,
                              const Conv2dParams& params) {
  constexpr const char* op = "separable_conv2d_fused";
  if (!has_kernel<&KernelTable::conv, &ConvKernels::separable_fused>(x)) {
    const Tensor between = conv2d_fused(x, depthwise, depthwise_bias, Tensor(), activation, params);
    return conv2d_fused(between, pointwise, bias, Tensor(), activation, {});
  }
  Dims dims = checked_input(op, x, depthwise, params);
  check::rank(op, {pointwise, "pointwise weight"}, 4);
  check::fits(op, {x, "input"}, {pointwise, "pointwise weight"}, {pointwise.dim(0), dims[1], 1, 1}, "K,C,1,1");
  for (const auto& [b, w] : {std::pair{&depthwise_bias, &depthwise}, {&bias, &pointwise}})
    if (b->defined()) check::fits_accumulated(op, {x, "input"}, {*b, "bias"}, {w->dim(0)}, "one per output channel");
  if (!params.is_depthwise(x.dims(), depthwise.dims()))
    fail_params(op, x.dims(), depthwise.dims(), params, "not depthwise");
  dims[1] = pointwise.dim(0);
  Tensor y = channels_last(dims, x);
  if (y.numel() == 0) return y;
  const ChannelsLastArg input(op, "input", x), first(op, "weight", depthwise),
      second(op, "pointwise weight", pointwise);
  std::optional<ContiguousArg> b1, b2;
  if (depthwise_bias.defined()) b1.emplace(op, "depthwise bias", depthwise_bias);
  if (bias.defined()) b2.emplace(op, "bias", bias);
  kernel<&KernelTable::conv, &ConvKernels::separable_fused>(op, x)(
      context(), input, first, second, {b1 ? &b1->view() : nullptr, activation, b2 ? &b2->view() : nullptr, activation},
      y.view(), params);
  return y;
}

}  // namespace fledge
