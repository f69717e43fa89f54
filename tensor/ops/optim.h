// In-place optimiser steps on tensors (kernels/api/optim.h has the formulas). Versions of what is written rise.
#pragma once
#include "kernels/api/optim.h"
#include "tensor/tensor.h"

namespace fledge {

/// momentum_buffer undefined when momentum is 0.
void sgd_step(const Tensor& w, const Tensor& grad, const Tensor& momentum_buffer, const SgdParams& params);
void adam_step(const Tensor& w, const Tensor& grad, const Tensor& m, const Tensor& v, const AdamParams& params);
/// Sum of squares of all elements.
double sum_of_squares(const Tensor& x);

}  // namespace fledge
