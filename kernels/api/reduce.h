// Reductions over axes, and the row-wise functions of a matrix.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

enum class ReduceOp : unsigned char { Sum, Mean, Max, Min };

constexpr const char* name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::Sum:
      return "sum";
    case ReduceOp::Mean:
      return "mean";
    case ReduceOp::Max:
      return "max";
    case ReduceOp::Min:
      return "min";
  }
  return "?";
}

/// y has x's rank; reduced axes have size 1 in y. Empty reductions: Sum 0, the others are refused above.
using Reduce = void (*)(ExecContext&, ReduceOp, const TensorView& x, const TensorView& y);
/// Max/Min only: dx = dy where x equals y, shared evenly among ties (as PyTorch's amax). y, dy: reduced dims with size
/// 1.
using ReduceExtremeBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                                       const TensorView& dx);
/// Rows of a contiguous matrix x: R,C. y: R,C (softmax, log-softmax) or R
/// (log-sum-exp). The row maximum is subtracted first.
using RowForward = void (*)(ExecContext&, const TensorView& x, const TensorView& y);
/// softmax: dx = y*(dy - sum(y*dy)); log-softmax: dx = dy - exp(y)*sum(dy). dx may be dy.
using RowBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& dx);
/// log-sum-exp: dx = dy[r] * exp(x - y[r]).  dy, y: R   x, dx: R,C
using LogSumExpBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                                   const TensorView& dx);
/// x: R,C  mask: R,C uint8  value: R  index: R int64 (first on ties). Rows with an empty mask give value 0, index -1.
using MaskedRowExtreme = void (*)(ExecContext&, bool maximum, const TensorView& x, const TensorView& mask,
                                  const TensorView& value, const TensorView& index);
/// dx[r, index[r]] = dy[r], everything else 0.
using MaskedRowExtremeBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& index,
                                          const TensorView& dx);

/// The k largest (or smallest) of each row in order, ties by column; NaN counts as smaller (larger) than everything.
/// x: R,C with C >= k  value: R,k  index: R,k int64
using RowTopK = void (*)(ExecContext&, bool largest, const TensorView& x, const TensorView& value,
                         const TensorView& index);

struct ReduceKernels {
  Reduce reduce{};
  ReduceExtremeBackward extreme_backward{};
  RowForward softmax{};
  RowBackward softmax_backward{};
  RowForward log_softmax{};
  RowBackward log_softmax_backward{};
  RowForward log_sum_exp{};
  LogSumExpBackward log_sum_exp_backward{};
  MaskedRowExtreme masked_row_extreme{};
  MaskedRowExtremeBackward masked_row_extreme_backward{};
  RowTopK row_top_k{};
};

}  // namespace fledge
