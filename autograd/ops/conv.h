// Differentiable convolution. Saves x and w. Formula: kernels/api/conv.h; errors: tensor/ops/conv.h.
// Mixed precision: x bfloat16, w and bias float32 -> y bfloat16; w is rounded to bfloat16 for the products (that copy
// is saved), its gradient and the bias's are float32.
#pragma once
#include "autograd/variable.h"
#include "kernels/api/conv.h"

namespace fledge {

/// x: N,C,H,W  w: K,C/groups,R,S  bias: K or undefined  ->  N,K,P,Q. moments: tensor/ops/conv.h; a batch norm of the
/// result may be given them.
Variable conv2d(const Variable& x, const Variable& w, const Variable& bias, const Conv2dParams& params,
                Tensor* moments = nullptr);

}  // namespace fledge
