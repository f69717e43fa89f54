// Indexed reads. Indices: int64, checked to be in range (Usage error naming the first bad one).
#pragma once
#include "kernels/api/gather.h"
#include "tensor/tensor.h"

namespace fledge {

/// x: R,C  index: R  ->  R: x[r, index[r]]
Tensor take_along_row(const Tensor& x, const Tensor& index);
Tensor take_along_row_backward(const Tensor& dy, const Tensor& index, std::int64_t columns);
/// x: R,C  index: M  ->  M,C: x[index[i], :]
Tensor index_select(const Tensor& x, const Tensor& index);
Tensor index_select_backward(const Tensor& dy, const Tensor& index, std::int64_t rows);
/// Joined along an axis; all other sizes and the dtype must agree.
Tensor concat(const std::vector<Tensor>& parts, int axis);

}  // namespace fledge
