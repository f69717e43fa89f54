// Reductions over any axes, and row-wise functions of the last axis.
// axes: any order, negative counts from the end, empty means all. keep_dims keeps reduced axes with size 1.
// Errors (Usage): axis out of range or twice; mean/max/min over nothing.
#pragma once
#include <vector>

#include "kernels/api/reduce.h"
#include "tensor/tensor.h"

namespace fledge {

Tensor reduce(ReduceOp op, const Tensor& x, const std::vector<int>& axes, bool keep_dims);
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Tensor min(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
/// dy, y: as forward with keep_dims = true.
Tensor reduce_extreme_backward(const Tensor& dy_keep, const Tensor& x, const Tensor& y_keep);
/// x.dims with the axes set to 1.
Dims reduced_dims(const Dims& x, const std::vector<int>& axes);

/// Rank 2, over the last axis. softmax, log_softmax: R,C -> R,C; log_sum_exp: R,C -> R.
Tensor softmax(const Tensor& x);
Tensor softmax_backward(const Tensor& dy, const Tensor& y);
Tensor log_softmax(const Tensor& x);
Tensor log_softmax_backward(const Tensor& dy, const Tensor& y);
Tensor log_sum_exp(const Tensor& x);
Tensor log_sum_exp_backward(const Tensor& dy, const Tensor& x, const Tensor& y);

struct MaskedExtreme {
  Tensor value;  // R
  Tensor index;  // R, int64; -1 for rows with an empty mask (their value is 0)
};
/// x: R,C  mask: R,C uint8
MaskedExtreme masked_row_extreme(const Tensor& x, const Tensor& mask, bool maximum);
struct TopK {
  Tensor value;  // R,k in order
  Tensor index;  // R,k int64
};
/// The k largest (smallest) of each row; ties by column, NaN last. x: R,C with C >= k
TopK row_top_k(const Tensor& x, std::int64_t k, bool largest);
/// dy, index: R -> R,C
Tensor masked_row_extreme_backward(const Tensor& dy, const Tensor& index, std::int64_t columns);

}  // namespace fledge
