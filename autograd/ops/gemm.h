// Differentiable matrix products (tensor/ops/gemm.h).
#pragma once
#include "autograd/variable.h"

namespace fledge {

Variable matmul(const Variable& a, const Variable& b, bool transpose_a = false, bool transpose_b = false);
/// x: N,C  w: K,C  bias: K or undefined  ->  N,K
Variable linear(const Variable& x, const Variable& w, const Variable& bias);

}  // namespace fledge
