// Matrix products of rank-2 tensors.
#pragma once
#include "kernels/api/gemm.h"
#include "tensor/tensor.h"

namespace fledge {

/// op(a) M,K times op(b) K,N -> M,N; op transposes where asked.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);
/// x: N,C  w: K,C (as PyTorch's Linear)  bias: K or undefined  ->  N,K = x w^T + bias
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias);

}  // namespace fledge
