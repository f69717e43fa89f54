// Differentiable batch normalisation + residual + activation as one node (kernels/api/norm.h).
// Saves x, mean, invstd, gamma, and, when there is an activation, y or beta: on the CPU, with batch statistics and no
// residual, backward finds y's mask from x. Backward writes over x and dy there when nobody else holds them. x,
// residual and y may be bfloat16; the rest is float32 then.
#pragma once
#include "autograd/variable.h"
#include "kernels/api/norm.h"

namespace fledge {

/// x, residual (may be undefined): N,C,H,W; gamma, beta: C; running_mean/running_var: C, updated when training;
/// undefined: not. moments: of x, from conv2d (ops/conv.h), for training; undefined: taken by a pass over x.
Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, const Variable& residual,
                    const Tensor& running_mean, const Tensor& running_var, bool training, const BatchNormParams& params,
                    const Tensor& moments = {});

/// conv2d(batch_norm(x, ...), w) in training, of one tap and without a bias, as one node that keeps x and never what is
/// between the two. For devices that have it (has_batch_norm_pointwise in tensor/ops/norm.h). w: K,C,1,1; y_moments:
/// those of the result.
Variable batch_norm_pointwise(const Variable& x, const Variable& gamma, const Variable& beta,
                              const Tensor& running_mean, const Tensor& running_var, const Tensor& moments,
                              const Variable& w, const BatchNormParams& params, Tensor* y_moments);

}  // namespace fledge
