// Differentiable convolution. Saves x and w. Formula: kernels/api/conv.h; errors: tensor/ops/conv.h.
#pragma once
#include "autograd/variable.h"
#include "kernels/api/conv.h"

namespace fledge {

/// x: N,C,H,W  w: K,C/groups,R,S  bias: K or undefined  ->  N,K,P,Q
Variable conv2d(const Variable& x, const Variable& w, const Variable& bias, const Conv2dParams& params);

}  // namespace fledge
