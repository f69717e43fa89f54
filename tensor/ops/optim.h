// In-place optimiser steps on many tensors (kernels/api/optim.h has the formulas). Versions of what is written rise.
#pragma once
#include <vector>

#include "kernels/api/optim.h"
#include "tensor/tensor.h"

namespace fledge {

/// A parameter, its gradient, and what the optimiser remembers of it, with the parameter's sizes and strides.
struct StepTensor {
  Tensor w, grad;
  std::vector<Tensor> moments;  // SGD: the momentum buffer, or none. Adam: both moments
  double lr_scale = 1, weight_decay = 0;
};

/// What a step reads from memory, on the device of the parameters (kernels/api/optim.h, StepScalars).
struct StepNumbers {
  Tensor rates;  // float64: 1 for SGD, 3 for Adam
  Tensor norm;   // 0-d float64
  double max_norm = 0;
};

/// The norm of all gradients together: 0-d float64, on their device. Nobody waits for it.
Tensor grad_norm(const std::vector<Tensor>& grads);
void sgd_step(const std::vector<StepTensor>& tensors, const SgdParams& params, const StepNumbers& numbers);
void adam_step(const std::vector<StepTensor>& tensors, const AdamParams& params, const StepNumbers& numbers);

}  // namespace fledge
