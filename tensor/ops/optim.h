// In-place optimiser steps on tensors (kernels/api/optim.h has the formulas). Versions of what is written rise.
#pragma once
#include <vector>

#include "kernels/api/optim.h"
#include "tensor/tensor.h"

namespace fledge {

/// momentum_buffer undefined when momentum is 0.
void sgd_step(const Tensor& w, const Tensor& grad, const Tensor& momentum_buffer, const SgdParams& params);
void adam_step(const Tensor& w, const Tensor& grad, const Tensor& m, const Tensor& v, const AdamParams& params);
/// Sum of squares of all elements.
double sum_of_squares(const Tensor& x);

// ---- many tensors at once, with all that changes between steps read from memory on their device ----

struct StepTensor {
  Tensor w, grad;
  Tensor first, second;  // SGD: momentum buffer or undefined. Adam: both moments
  double lr_scale = 1, weight_decay = 0;
};
/// The norm of all gradients together: 0-d, on their device. Nobody waits for it.
Tensor grad_norm(const std::vector<Tensor>& grads);
/// rates: 3, norm: 0-d, on the device and in the dtype of the weights (kernels/api/optim.h, StepScalars).
void sgd_step_many(const std::vector<StepTensor>& tensors, const SgdParams& params, const Tensor& rates,
                   const Tensor& norm, double max_norm);
void adam_step_many(const std::vector<StepTensor>& tensors, const AdamParams& params, const Tensor& rates,
                    const Tensor& norm, double max_norm);

}  // namespace fledge
