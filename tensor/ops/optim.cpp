#include "tensor/ops/optim.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

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

StepScalars scalars(const char* op, const Tensor& w, const StepNumbers& n, std::int64_t rates) {
  const auto view = [&](const Tensor& t, const char* name, const Dims& wanted) {
    check::defined(op, {t, name});
    check::dtype(op, {t, name}, DType::Float64);
    check::same_device(op, {w, "weight"}, {t, name});
    if (!(t.dims() == wanted)) check::fail_dims(op, {t, name}, wanted, "tensor/ops/optim.h");
    return t.view();
  };
  return {view(n.rates, "rates", {rates}), view(n.norm, "norm", {}), n.max_norm};
}

/// Views for the kernel; `kept` holds gradients that had to be brought into their weight's layout.
std::vector<OptimTensor> views(const char* op, const std::vector<StepTensor>& tensors, std::size_t moments,
                               std::vector<Tensor>& kept) {
  std::vector<OptimTensor> all;
  for (const StepTensor& t : tensors) {
    check_weight(op, t.w, t.grad);
    if (t.moments.size() != moments)
      check::fail(op, std::to_string(t.moments.size()) + " moments where there are " + std::to_string(moments));
    if (t.w.numel() == 0) continue;
    kept.push_back(in_layout_of(op, "gradient", t.grad, t.w));
    OptimTensor v;
    v.w = t.w.view();
    v.grad = kept.back().view();
    v.grad.strides = t.w.strides();
    if (moments > 0) v.first = state_view(op, t.w, t.moments[0], "first moment");
    if (moments > 1) v.second = state_view(op, t.w, t.moments[1], "second moment");
    v.lr_scale = t.lr_scale;
    v.weight_decay = t.weight_decay;
    all.push_back(v);
  }
  return all;
}

void bump_versions(const std::vector<StepTensor>& tensors) {
  for (const StepTensor& t : tensors) {
    t.w.bump_version();
    for (const Tensor& m : t.moments) m.bump_version();
  }
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
  Tensor result = Tensor::empty({}, DType::Float64, Layout::Contiguous, grads[0].device());
  norm(context(), all, result.view());
  return result;
}

void sgd_step(const std::vector<StepTensor>& tensors, const SgdParams& params, const StepNumbers& numbers) {
  constexpr const char* op = "sgd_step";
  if (tensors.empty()) return;
  const Tensor& w = tensors[0].w;
  const auto step = kernel<&KernelTable::optim, &OptimKernels::sgd_step>(op, w);
  std::vector<Tensor> kept;
  const auto all = views(op, tensors, params.momentum != 0 ? 1 : 0, kept);
  step(context(), all, params, scalars(op, w, numbers, 1));
  bump_versions(tensors);
}

void adam_step(const std::vector<StepTensor>& tensors, const AdamParams& params, const StepNumbers& numbers) {
  constexpr const char* op = "adam_step";
  if (tensors.empty()) return;
  const Tensor& w = tensors[0].w;
  const auto step = kernel<&KernelTable::optim, &OptimKernels::adam_step>(op, w);
  std::vector<Tensor> kept;
  const auto all = views(op, tensors, 2, kept);
  step(context(), all, params, scalars(op, w, numbers, 3));
  bump_versions(tensors);
}

}  // namespace fledge
