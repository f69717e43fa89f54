// Optimiser steps: all parameters of a device in few launches. What changes from step to step is read from memory, so
// that a recorded step can be run again with new numbers.
#pragma once
#include <span>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// One parameter. All views are dense and have the same strides; w, first and second are updated in place.
struct OptimTensor {
  TensorView w, grad;
  TensorView first, second;  // SGD: momentum buffer, unused. Adam: m, v. data is null where there is none
  double lr_scale = 1;       // of the parameter's group
  double weight_decay = 0;
};

/// The numbers of a step, in memory: float64 and contiguous, whatever dtype the parameters have.
struct StepScalars {
  TensorView rates;     // SGD: lr. Adam: lr, 1 - b1^t, sqrt(1 - b2^t) of step t = 1, 2, ...
  TensorView norm;      // 1: of all gradients. Where it is not finite, nothing is updated
  double max_norm = 0;  // above 0: gradients are scaled by min(1, max_norm / norm)
};
/// That scale, on the host; 0 where nothing may be updated.
inline double clip_scale(const StepScalars& s) {
  const double norm = *s.norm.as<double>();
  if (!(norm - norm == 0)) return 0;  // infinite or NaN
  return s.max_norm > 0 && norm > s.max_norm ? s.max_norm / norm : 1;
}

/// norm: 1 float64 = sqrt(sum of squares of all gradients, each dense); summed in double, in a fixed order.
using GradNorm = void (*)(ExecContext&, std::span<const TensorView> grads, const TensorView& norm);

/// g = scale * grad + weight_decay * w
/// v = momentum * v + g, or g where there is no buffer   (a buffer of -0 is v = g to the bit: PyTorch's first step)
/// w -= lr * (nesterov ? g + momentum * v : v)
struct SgdParams {
  double momentum = 0.9;
  bool nesterov = false;
};
using SgdStep = void (*)(ExecContext&, std::span<const OptimTensor>, const SgdParams&, const StepScalars&);

/// m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2   (Kingma & Ba 2015; decoupled decay: Loshchilov & Hutter 2019)
/// modern eps:  w -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps)
/// legacy eps (PyTorch 0.3):  w -= lr*sqrt(1-b2^t)/(1-b1^t) * m / (sqrt(v) + eps)
/// decoupled: w *= 1 - lr*weight_decay before, g = scale * grad; else g = scale * grad + weight_decay * w.
struct AdamParams {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool decoupled = false;
  bool legacy_eps = false;
};
using AdamStep = void (*)(ExecContext&, std::span<const OptimTensor>, const AdamParams&, const StepScalars&);

struct OptimKernels {
  GradNorm grad_norm{};
  SgdStep sgd_step{};
  AdamStep adam_step{};
};

}  // namespace fledge
