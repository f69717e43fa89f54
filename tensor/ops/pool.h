// Pooling (kernels/api/pool.h). Inputs are made channels-last.
#pragma once
#include "kernels/api/pool.h"
#include "tensor/tensor.h"

namespace fledge {

struct MaxPoolResult {
  Tensor y;        // N,C,P,Q
  Tensor indices;  // int32, same dims; undefined unless asked for
};
MaxPoolResult max_pool2d(const Tensor& x, const Pool2dParams& params, bool with_indices);
/// dy, indices: N,C,P,Q -> x_dims
Tensor max_pool2d_backward(const Tensor& dy, const Tensor& indices, const Dims& x_dims, const Pool2dParams& params);
/// N,C,H,W -> N,C; float32 for bfloat16
Tensor global_avg_pool(const Tensor& x);
/// dy: N,C -> x_dims, of x's dtype
Tensor global_avg_pool_backward(const Tensor& dy, const Dims& x_dims, DType x_dtype);

}  // namespace fledge
