#include "tensor/ops/optim.h"

#include "tensor/ops/check.h"
#include "tensor/ops/dispatch.h"
#include "tensor/ops/layout.h"

namespace fledge {

namespace {

void check_weight(const char* op, const Tensor& w, const Tensor& grad) {
  check::defined(op, {w, "weight"});
  if (!w.is_dense()) check::fail(op, "weight must be dense: " + describe(w), "clone() it first");
  check::fits(op, {w, "weight"}, {grad, "gradient"}, w.dims(), "the weight's sizes");
}

// State is written in place, so it must lie in memory as the weight does; its view gets the weight's strides.
TensorView state_view(const char* op, const Tensor& w, const Tensor& state, const char* name) {
  check::fits(op, {w, "weight"}, {state, name}, w.dims(), "the weight's sizes");
  if (!same_strides(w.dims(), w.strides(), state.strides())) [[unlikely]] {
    check::fail(op,
                std::string(name) + " must have the weight's layout: weight " + describe(w) + ", " + name + " " +
                    describe(state),
                "make it with zeros_like(weight)");
  }
  TensorView view = state.view();
  view.strides = w.strides();
  return view;
}

TensorView gradient_view(const Tensor& w, const Tensor& grad) {
  TensorView view = grad.view();
  view.strides = w.strides();
  return view;
}

}  // namespace

void sgd_step(const Tensor& w, const Tensor& grad, const Tensor& momentum_buffer, const SgdParams& params) {
  constexpr const char* op = "sgd_step";
  check_weight(op, w, grad);
  const auto step = kernel<&KernelTable::optim, &OptimKernels::sgd_step>(op, w);
  const bool momentum = params.momentum != 0;
  TensorView buffer;
  if (momentum) buffer = state_view(op, w, momentum_buffer, "momentum buffer");
  if (w.numel() > 0) {
    const Tensor g = in_layout_of(op, "gradient", grad, w);
    step(context(), w.view(), gradient_view(w, g), momentum ? &buffer : nullptr, params);
  }
  w.bump_version();
  if (momentum) momentum_buffer.bump_version();
}

void adam_step(const Tensor& w, const Tensor& grad, const Tensor& m, const Tensor& v, const AdamParams& params) {
  constexpr const char* op = "adam_step";
  check_weight(op, w, grad);
  if (params.step < 1) check::fail(op, "steps are counted from 1: step " + std::to_string(params.step));
  const auto step = kernel<&KernelTable::optim, &OptimKernels::adam_step>(op, w);
  const TensorView first = state_view(op, w, m, "first moment"), second = state_view(op, w, v, "second moment");
  if (w.numel() > 0) {
    const Tensor g = in_layout_of(op, "gradient", grad, w);
    step(context(), w.view(), gradient_view(w, g), first, second, params);
  }
  w.bump_version();
  m.bump_version();
  v.bump_version();
}

double sum_of_squares(const Tensor& x) {
  constexpr const char* op = "sum_of_squares";
  check::defined(op, {x, "input"});
  const auto squares = kernel<&KernelTable::optim, &OptimKernels::sum_of_squares>(op, x);
  if (x.numel() == 0) return 0;
  return squares(context(), dense(op, "input", x).view());
}

}  // namespace fledge
