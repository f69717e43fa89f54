// A batch norm in training and the convolution of one tap behind it, strip by strip (kernels/api/norm.h).
#pragma once
#include "kernels/api/norm.h"

namespace fledge::cpu {

void batch_norm_pointwise(ExecContext& ctx, const TensorView& x, const TensorView& moments, const TensorView& gamma,
                          const TensorView& beta, const TensorView& mean, const TensorView& invstd,
                          const TensorView* running_mean, const TensorView* running_var, const TensorView& w,
                          const TensorView& y, const TensorView& y_moments, const BatchNormParams& p);
void batch_norm_pointwise_backward(ExecContext& ctx, const BatchNormPointwiseArgs& in,
                                   const BatchNormPointwiseGrads& out, const BatchNormParams& p);

}  // namespace fledge::cpu
