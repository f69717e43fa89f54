#include "nn/layers/conv_norm_act.h"

#include <cmath>

#include "autograd/node.h"
#include "nn/layers/scaled_filters.h"
#include "tensor/creation.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/norm.h"

namespace fledge {
namespace {

FoldedConv::Weights fold(const Conv2d& conv, const BatchNorm2d& bn, DType dtype) {
  const auto wide = [](const Tensor& t) { return t.to(Device{}).to(DType::Float64); };
  const Tensor& weight = conv.weight().value();
  const Tensor scale = div(wide(bn.weight().value()), sqrt(affine(wide(bn.running_var()), 1, bn.eps())));
  Tensor shift = affine(wide(bn.running_mean()), -1, 0);
  if (conv.bias().defined()) shift = add(shift, wide(conv.bias().value()));
  const Tensor bias = add(mul(shift, scale), wide(bn.bias().value()));
  const auto placed = [&](const Tensor& t, DType as) { return t.to(weight.dtype()).to(as).to(weight.device()); };
  return {placed(scaled_filters(weight.to(Device{}), scale), dtype), placed(bias, accumulated(dtype))};
}

bool trains(const Conv2d& conv, const BatchNorm2d& bn, const Variable& x, const Variable& residual = {}) {
  return conv.is_training() || bn.is_training() ||
         wants_graph({&x, &residual, &conv.weight(), &conv.bias(), &bn.weight(), &bn.bias()});
}

}  // namespace

FoldedConv::Weights FoldedConv::of(const Conv2d& conv, const BatchNorm2d& bn, std::optional<DType> input) {
  const std::lock_guard lock(mutex_);  // before the weight is read: another thread may be giving it up
  const DType own = conv.weight().value().dtype();
  const DType dtype = input == DType::BFloat16 && own == DType::Float32 ? DType::BFloat16 : own;
  std::vector<Tensor> sources = {conv.weight().value(), bn.weight().value(), bn.bias().value(), bn.running_mean(),
                                 bn.running_var()};
  if (conv.bias().defined()) sources.push_back(conv.bias().value());
  const bool given_up = alone_ && sources_.empty() && weights_.weight.defined() && weights_.weight.dtype() == dtype;
  if (!given_up && !is_of(sources, dtype)) {
    drop_locked();  // before as much again is asked for
    weights_ = fold(conv, bn, dtype);
    if (alone_ && conv.weight().value().device() == Device{}) return give_up(conv), weights_;
    for (Tensor& t : sources) sources_.emplace_back(t, t.version());
  }
  return weights_;
}

void FoldedConv::give_up(const Conv2d& conv) {
  Variable weight = conv.weight();  // a handle of the same
  const Dims dims = weight.dims();
  weight.set_value(full({}, NAN, weight.value().dtype()).expand(dims));
}

void FoldedConv::keep_alone() {
  const std::lock_guard lock(mutex_);
  if (alone_) return;
  drop_locked();
  alone_ = true;
}

bool FoldedConv::is_of(const std::vector<Tensor>& sources, DType dtype) const {
  if (sources_.size() != sources.size() || weights_.weight.dtype() != dtype) return false;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (!sources[i].shares_storage_with(sources_[i].first) || sources[i].version() != sources_[i].second) return false;
  return true;
}

void FoldedConv::drop() {
  const std::lock_guard lock(mutex_);
  drop_locked();
}

void FoldedConv::drop_locked() {
  if (alone_ && weights_.weight.defined() && sources_.empty())
    throw Error(ErrorKind::Internal, "Conv2d", "its own weight was given up; only the folded one is there");
  weights_ = {}, sources_.clear();
}

Variable conv_norm_act(const Conv2d& conv, const BatchNorm2d& bn, Activation activation, const Variable& x,
                       const Variable& residual) {
  if (trains(conv, bn, x, residual)) {
    Tensor moments;
    const Variable y = conv.forward(x, bn.uses_batch_statistics() ? &moments : nullptr);
    return bn.forward(y, activation, residual, moments);
  }
  const auto [weight, bias] = conv.folded().of(conv, bn, x.value().dtype());
  return Variable(conv2d_fused(x.value(), weight, bias, residual.defined() ? residual.value() : Tensor(), activation,
                               conv.options().params));
}

Variable conv_norm_act(const Conv2d& conv, const BatchNorm2d& bn, Activation activation,
                       const StoredPictures& pictures) {
  if (trains(conv, bn, Variable()))
    return conv_norm_act(conv, bn, activation, Variable(pictures.normalized(conv.weight().value().dtype())));
  const auto [weight, bias] = conv.folded().of(conv, bn);
  return Variable(pixels_conv2d_fused(pictures, weight, bias, activation, conv.options().params));
}

/// One tap at every pixel, without a bias.
static bool is_plain_tap(const Conv2d& conv) {
  const Conv2dParams& p = conv.options().params;
  return conv.options().kernel == 1 && p.stride_h == 1 && p.stride_w == 1 && p.groups == 1 &&
         p.pad_top + p.pad_left + p.pad_bottom + p.pad_right == 0 && !conv.bias().defined();
}

/// What is between the two convolutions is not written, where the device can do without.
static Variable separable_in_training(const ConvNorm& depthwise, const ConvNorm& pointwise, Activation activation,
                                      const Variable& x) {
  Tensor moments, next;
  const Variable y = depthwise.conv.forward(x, depthwise.norm.uses_batch_statistics() ? &moments : nullptr);
  if (!moments.defined() || !is_plain_tap(pointwise.conv) || !has_batch_norm_pointwise(y.value()))
    return conv_norm_act(pointwise.conv, pointwise.norm, activation,
                         depthwise.norm.forward(y, activation, {}, moments));
  const Variable z = depthwise.norm.forward_pointwise(y, activation, moments, pointwise.conv.weight(), &next);
  return pointwise.norm.forward(z, activation, {}, pointwise.norm.uses_batch_statistics() ? next : Tensor());
}

Variable separable_conv_norm_act(const ConvNorm& depthwise, const ConvNorm& pointwise, Activation activation,
                                 const Variable& x) {
  if (trains(depthwise.conv, depthwise.norm, x) || trains(pointwise.conv, pointwise.norm, x))
    return separable_in_training(depthwise, pointwise, activation, x);
  const DType dtype = x.value().dtype();
  const auto [first, first_bias] = depthwise.conv.folded().of(depthwise.conv, depthwise.norm, dtype);
  const auto [second, second_bias] = pointwise.conv.folded().of(pointwise.conv, pointwise.norm, dtype);
  return Variable(separable_conv2d_fused(x.value(), first, first_bias, second, second_bias, activation,
                                         depthwise.conv.options().params));
}

}  // namespace fledge
