// One fused pass per parameter tensor. All views dense with the same strides;
// parameter and moments are updated in place.
#pragma once
#include <span>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

// g = grad + weight_decay * w
// v = momentum * v + (first ? 1 : 1 - dampening) * g      (v = g at the first step, as PyTorch)
// w -= lr * (nesterov ? g + momentum * v : v)
struct SgdParams {
  double lr = 0.1, momentum = 0.9, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;
};
// momentum_buffer null when momentum is 0.
using SgdStep = void (*)(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView* momentum_buffer,
                         const SgdParams&);

// m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2   (Kingma & Ba 2015; decoupled decay: Loshchilov & Hutter 2019)
// modern eps:  w -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps)
// legacy eps (PyTorch 0.3):  w -= lr*sqrt(1-b2^t)/(1-b1^t) * m / (sqrt(v) + eps)
// decoupled: w *= 1 - lr*weight_decay before; else g = grad + weight_decay*w.
struct AdamParams {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false;
  bool legacy_eps = false;
  std::int64_t step = 1;  // t, counted from 1
};
using AdamStep = void (*)(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView& m,
                          const TensorView& v, const AdamParams&);
// Sum of squares of all elements, in double: for gradient clipping and finiteness checks.
using SumOfSquares = double (*)(ExecContext&, const TensorView& x);

// ---- many tensors in few launches, with everything that changes from step to step read from memory: a recorded step
// can be run again with new numbers ----

/// One parameter: w and its moments are updated in place. All views dense with the same strides.
struct OptimTensor {
  TensorView w, grad;
  TensorView first, second;  // SGD: momentum buffer, unused. Adam: m, v. data is null where there is none
  double lr_scale = 1;       // of the parameter's group
  double weight_decay = 0;
};
/// What a step reads from memory, contiguous, in the compute dtype.
struct StepScalars {
  TensorView rates;     // 3: lr; 1/(1-b1^t) and 1/sqrt(1-b2^t) of Adam, or [1] = 1 at the first step of SGD else 0
  TensorView norm;      // 1: what grad_norm wrote. Not finite: nothing is updated
  double max_norm = 0;  // > 0: gradients are scaled by min(1, max_norm / norm)
};
// norm = sqrt(sum of squares of all gradients); summed in double, in a fixed order.
using GradNorm = void (*)(ExecContext&, std::span<const TensorView> grads, const TensorView& norm);
// As SgdStep, AdamStep; lr, weight_decay, first_step and step of the parameters are not looked at.
using SgdStepMany = void (*)(ExecContext&, std::span<const OptimTensor>, const SgdParams&, const StepScalars&);
using AdamStepMany = void (*)(ExecContext&, std::span<const OptimTensor>, const AdamParams&, const StepScalars&);

struct OptimKernels {
  SgdStep sgd_step{};
  AdamStep adam_step{};
  SumOfSquares sum_of_squares{};
  GradNorm grad_norm{};
  SgdStepMany sgd_step_many{};
  AdamStepMany adam_step_many{};
};

}  // namespace fledge
