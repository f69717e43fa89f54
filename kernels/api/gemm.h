// Matrix product: c = op(a) * op(b) + bias, op = transpose or nothing.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

struct MatmulParams {
  bool transpose_a = false;  // a is stored K,M instead of M,K
  bool transpose_b = false;  // b is stored N,K instead of K,N
  bool b_is_weight = false;  // b's packed form may be kept in its slot
};

/// a: M,K  b: K,N (after op)  bias: N or null  c: M,N overwritten. All rank 2, row-major contiguous; bias contiguous.
using Matmul = void (*)(ExecContext&, const TensorView& a, const TensorView& b, const TensorView* bias,
                        const TensorView& c, const MatmulParams&);

struct GemmKernels {
  Matmul matmul{};
};

}  // namespace fledge
