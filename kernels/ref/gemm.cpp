// Reference matrix product: c[m,n] = bias[n] + sum_k op(a)[m,k] * op(b)[k,n].
// A transpose is only a swap of two strides.
#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void matmul(ExecContext&, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& p) {
  const int64_t depth = a.dims[p.transpose_a ? 0 : 1];
  const int64_t a_row = a.strides[p.transpose_a ? 1 : 0], a_depth = a.strides[p.transpose_a ? 0 : 1];
  const int64_t b_depth = b.strides[p.transpose_b ? 1 : 0], b_col = b.strides[p.transpose_b ? 0 : 1];
  for (int64_t m = 0; m < c.dims[0]; ++m)
    for (int64_t n = 0; n < c.dims[1]; ++n) {
      const T* left = a.as<T>() + m * a_row;
      const T* right = b.as<T>() + n * b_col;
      double sum = bias ? at<T>(*bias, n) : 0;
      for (int64_t k = 0; k < depth; ++k) sum += static_cast<double>(left[k * a_depth]) * right[k * b_depth];
      at<T>(c, m, n) = static_cast<T>(sum);
    }
}

}  // namespace

template <class T>
GemmKernels gemm_kernels() {
  return {.matmul = &matmul<T>};
}

template GemmKernels gemm_kernels<float>();
template GemmKernels gemm_kernels<double>();

}  // namespace fledge::ref
