// Reference optimiser steps (formulas: kernels/api/optim.h), computed in double and rounded once per stored value.
#include <cmath>

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

}  // namespace

template <class T>
OptimKernels optim_kernels() {
  return {.sgd_step = &sgd_step<T>, .adam_step = &adam_step<T>, .sum_of_squares = &sum_of_squares<T>};
}

template OptimKernels optim_kernels<float>();
template OptimKernels optim_kernels<double>();

}  // namespace fledge::ref
