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

namespace {

StepScalars scalars(const char* op, const Tensor& w, const Tensor& rates, const Tensor& norm, double max_norm) {
  check::fits(op, {w, "weight"}, {rates, "rates"}, {3}, "kernels/api/optim.h");
  check::same_kind(op, {w, "weight"}, {norm, "norm"});
  if (norm.numel() != 1) check::fail(op, "the norm is one number: " + describe(norm));
  return {rates.view(), norm.view(), max_norm};
}

/// Views for the kernel; `kept` holds gradients that had to be brought into their weight's layout.
std::vector<OptimTensor> views(const char* op, const std::vector<StepTensor>& tensors, int moments,
                               std::vector<Tensor>& kept) {
  std::vector<OptimTensor> all;
  for (const StepTensor& t : tensors) {
    check_weight(op, t.w, t.grad);
    if (t.w.numel() == 0) continue;
    kept.push_back(in_layout_of(op, "gradient", t.grad, t.w));
    OptimTensor v;
    v.w = t.w.view();
    v.grad = gradient_view(t.w, kept.back());
    if (moments > 0) v.first = state_view(op, t.w, t.first, "first moment");
    if (moments > 1) v.second = state_view(op, t.w, t.second, "second moment");
    v.lr_scale = t.lr_scale;
    v.weight_decay = t.weight_decay;
    all.push_back(v);
  }
  return all;
}

void bump_versions(const std::vector<StepTensor>& tensors) {
  for (const StepTensor& t : tensors)
    for (const Tensor* written : {&t.w, &t.first, &t.second})
      if (written->defined()) written->bump_version();
}

}  // namespace

Tensor grad_norm(const std::vector<Tensor>& grads) {
  constexpr const char* op = "grad_norm";
  if (grads.empty()) check::fail(op, "no gradients");
  const auto norm = kernel<&KernelTable::optim, &OptimKernels::grad_norm>(op, grads[0]);
  std::vector<Tensor> kept;
  std::vector<TensorView> all;
  for (const Tensor& g : grads) {
    check::same_kind(op, {grads[0], "first gradient"}, {g, "gradient"});
    if (g.numel() == 0) continue;
    kept.push_back(dense(op, "gradient", g));
    all.push_back(kept.back().view());
  }
  Tensor result = Tensor::empty({}, grads[0].dtype(), Layout::Contiguous, grads[0].device());
  norm(context(), all, result.view());
  return result;
}

void sgd_step_many(const std::vector<StepTensor>& tensors, const SgdParams& params, const Tensor& rates,
                   const Tensor& norm, double max_norm) {
  constexpr const char* op = "sgd_step_many";
  if (tensors.empty()) return;
  const Tensor& w = tensors[0].w;
  const auto step = kernel<&KernelTable::optim, &OptimKernels::sgd_step_many>(op, w);
  std::vector<Tensor> kept;
  const auto all = views(op, tensors, params.momentum != 0 ? 1 : 0, kept);
  step(context(), all, params, scalars(op, w, rates, norm, max_norm));
  bump_versions(tensors);
}

void adam_step_many(const std::vector<StepTensor>& tensors, const AdamParams& params, const Tensor& rates,
                    const Tensor& norm, double max_norm) {
  constexpr const char* op = "adam_step_many";
  if (tensors.empty()) return;
  const Tensor& w = tensors[0].w;
  const auto step = kernel<&KernelTable::optim, &OptimKernels::adam_step_many>(op, w);
  std::vector<Tensor> kept;
  const auto all = views(op, tensors, 2, kept);
  step(context(), all, params, scalars(op, w, rates, norm, max_norm));
  bump_versions(tensors);
}

}  // namespace fledge
