// Reference optimiser steps (formulas: kernels/api/optim.h), computed in double and rounded once per stored value.
#include <cmath>
#include <optional>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void sgd_step(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView* momentum_buffer,
              const SgdParams& p) {
  const Dims none = Dims::filled(w.dims.rank(), 0);
  for_each(
      w.dims,
      [&](int64_t i, int64_t j, int64_t k) {
        T& weight = w.as<T>()[i];
        double step = grad.as<T>()[j] + p.weight_decay * weight;
        if (momentum_buffer) {
          T& velocity = momentum_buffer->as<T>()[k];
          const double v = p.first_step ? step : p.momentum * velocity + (1 - p.dampening) * step;
          velocity = static_cast<T>(v);
          step = p.nesterov ? step + p.momentum * v : v;
        }
        weight = static_cast<T>(weight - p.lr * step);
      },
      w.strides, grad.strides, momentum_buffer ? momentum_buffer->strides : none);
}

template <class T>
void adam_step(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView& m, const TensorView& v,
               const AdamParams& p) {
  const double step = static_cast<double>(p.step);
  const double correction1 = 1 - std::pow(p.beta1, step), correction2 = std::sqrt(1 - std::pow(p.beta2, step));
  // Legacy eps is added before the second correction is divided out, which is eps / correction2 in the modern place.
  const double eps = p.legacy_eps ? p.eps / correction2 : p.eps;
  for_each(
      w.dims,
      [&](int64_t wo, int64_t go, int64_t mo, int64_t vo) {
        double weight = w.as<T>()[wo], g = grad.as<T>()[go];
        if (p.decoupled)
          weight *= 1 - p.lr * p.weight_decay;
        else
          g += p.weight_decay * weight;
        const double first = p.beta1 * m.as<T>()[mo] + (1 - p.beta1) * g;
        const double second = p.beta2 * v.as<T>()[vo] + (1 - p.beta2) * g * g;
        m.as<T>()[mo] = static_cast<T>(first);
        v.as<T>()[vo] = static_cast<T>(second);
        w.as<T>()[wo] = static_cast<T>(weight - p.lr / correction1 * first / (std::sqrt(second) / correction2 + eps));
      },
      w.strides, grad.strides, m.strides, v.strides);
}

template <class T>
double sum_of_squares(ExecContext&, const TensorView& x) {
  double sum = 0;
  for_each(
      x.dims, [&](int64_t o) { sum += static_cast<double>(x.as<T>()[o]) * x.as<T>()[o]; }, x.strides);
  return sum;
}

template <class T>
void grad_norm(ExecContext& ctx, std::span<const TensorView> grads, const TensorView& norm) {
  double sum = 0;
  for (const TensorView& g : grads) sum += sum_of_squares<T>(ctx, g);
  *norm.as<T>() = static_cast<T>(std::sqrt(sum));
}

/// What gradients are multiplied with before the step; nothing when the step must not be done.
template <class T>
std::optional<double> clip_factor(const StepScalars& s) {
  const double norm = *s.norm.as<T>();
  if (!std::isfinite(norm)) return std::nullopt;
  return s.max_norm > 0 && norm > s.max_norm ? s.max_norm / norm : 1;
}

template <class T>
double rate(const StepScalars& s, int i) {
  return s.rates.as<T>()[i];
}

template <class T>
void sgd_step_many(ExecContext&, std::span<const OptimTensor> tensors, const SgdParams& p, const StepScalars& s) {
  const std::optional<double> factor = clip_factor<T>(s);
  if (!factor) return;
  const bool first_step = rate<T>(s, 1) != 0;
  for (const OptimTensor& t : tensors) {
    const Dims none = Dims::filled(t.w.dims.rank(), 0);
    for_each(
        t.w.dims,
        [&](int64_t i, int64_t j, int64_t k) {
          T& weight = t.w.as<T>()[i];
          double step = *factor * t.grad.as<T>()[j] + t.weight_decay * weight;
          if (t.first.data) {
            T& velocity = t.first.as<T>()[k];
            const double v = first_step ? step : p.momentum * velocity + (1 - p.dampening) * step;
            velocity = static_cast<T>(v);
            step = p.nesterov ? step + p.momentum * v : v;
          }
          weight = static_cast<T>(weight - rate<T>(s, 0) * t.lr_scale * step);
        },
        t.w.strides, t.grad.strides, t.first.data ? t.first.strides : none);
  }
}

template <class T>
void adam_step_many(ExecContext&, std::span<const OptimTensor> tensors, const AdamParams& p, const StepScalars& s) {
  const std::optional<double> factor = clip_factor<T>(s);
  if (!factor) return;
  const double correction1 = rate<T>(s, 1), correction2 = rate<T>(s, 2);  // 1/(1-b1^t), 1/sqrt(1-b2^t)
  const double eps = p.legacy_eps ? p.eps * correction2 : p.eps;
  for (const OptimTensor& t : tensors) {
    const double lr = rate<T>(s, 0) * t.lr_scale;
    for_each(
        t.w.dims,
        [&](int64_t wo, int64_t go, int64_t mo, int64_t vo) {
          double weight = t.w.as<T>()[wo], g = *factor * t.grad.as<T>()[go];
          if (p.decoupled)
            weight *= 1 - lr * t.weight_decay;
          else
            g += t.weight_decay * weight;
          const double first = p.beta1 * t.first.as<T>()[mo] + (1 - p.beta1) * g;
          const double second = p.beta2 * t.second.as<T>()[vo] + (1 - p.beta2) * g * g;
          t.first.as<T>()[mo] = static_cast<T>(first);
          t.second.as<T>()[vo] = static_cast<T>(second);
          t.w.as<T>()[wo] = static_cast<T>(weight - lr * correction1 * first / (std::sqrt(second) * correction2 + eps));
        },
        t.w.strides, t.grad.strides, t.first.strides, t.second.strides);
  }
}

}  // namespace

template <class T>
OptimKernels optim_kernels() {
  return {.sgd_step = &sgd_step<T>,
          .adam_step = &adam_step<T>,
          .sum_of_squares = &sum_of_squares<T>,
          .grad_norm = &grad_norm<T>,
          .sgd_step_many = &sgd_step_many<T>,
          .adam_step_many = &adam_step_many<T>};
}

template OptimKernels optim_kernels<float>();
template OptimKernels optim_kernels<double>();

}  // namespace fledge::ref
