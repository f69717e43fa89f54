// Reference optimiser steps (formulas: kernels/api/optim.h), computed in double and rounded once per stored value; a
// clipped gradient counts as one.
#include <cmath>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void grad_norm(ExecContext&, std::span<const TensorView> grads, const TensorView& norm) {
  double all = 0;
  for (const TensorView& g : grads) {
    double sum = 0;
    for_each(
        g.dims, [&](int64_t o) { sum += static_cast<double>(g.as<T>()[o]) * g.as<T>()[o]; }, g.strides);
    all += sum;
  }
  *norm.as<double>() = std::sqrt(all);
}

template <class T>
void sgd_step(ExecContext&, std::span<const OptimTensor> tensors, const SgdParams& p, const StepScalars& s) {
  const double scale = clip_scale(s);
  if (scale == 0) return;
  for (const OptimTensor& t : tensors) {
    const double lr = *s.rates.as<double>() * t.lr_scale;
    for_each(
        t.w.dims,
        [&](int64_t i, int64_t j, int64_t k) {
          T& weight = t.w.as<T>()[i];
          double step = static_cast<T>(scale * t.grad.as<T>()[j]) + t.weight_decay * weight;
          if (t.first.data) {
            T& velocity = t.first.as<T>()[k];
            const double v = p.momentum * velocity + step;
            velocity = static_cast<T>(v);
            step = p.nesterov ? step + p.momentum * v : v;
          }
          weight = static_cast<T>(weight - lr * step);
        },
        t.w.strides, t.grad.strides, t.first.data ? t.first.strides : t.w.strides);
  }
}

template <class T>
void adam_step(ExecContext&, std::span<const OptimTensor> tensors, const AdamParams& p, const StepScalars& s) {
  const double scale = clip_scale(s);
  if (scale == 0) return;
  const double *rates = s.rates.as<double>(), correction1 = rates[1], correction2 = rates[2];
  // Legacy eps is added before the second correction is divided out, which is eps / correction2 in the modern place.
  const double eps = p.legacy_eps ? p.eps / correction2 : p.eps;
  for (const OptimTensor& t : tensors) {
    const double lr = rates[0] * t.lr_scale;
    for_each(
        t.w.dims,
        [&](int64_t wo, int64_t go, int64_t mo, int64_t vo) {
          double weight = t.w.as<T>()[wo], g = static_cast<T>(scale * t.grad.as<T>()[go]);
          if (p.decoupled)
            weight *= 1 - lr * t.weight_decay;
          else
            g += t.weight_decay * weight;
          const double first = p.beta1 * t.first.as<T>()[mo] + (1 - p.beta1) * g;
          const double second = p.beta2 * t.second.as<T>()[vo] + (1 - p.beta2) * g * g;
          t.first.as<T>()[mo] = static_cast<T>(first);
          t.second.as<T>()[vo] = static_cast<T>(second);
          t.w.as<T>()[wo] = static_cast<T>(weight - lr / correction1 * first / (std::sqrt(second) / correction2 + eps));
        },
        t.w.strides, t.grad.strides, t.first.strides, t.second.strides);
  }
}

}  // namespace

template <class T>
OptimKernels optim_kernels() {
  return {.grad_norm = &grad_norm<T>, .sgd_step = &sgd_step<T>, .adam_step = &adam_step<T>};
}

template OptimKernels optim_kernels<float>();
template OptimKernels optim_kernels<double>();

}  // namespace fledge::ref
