// Pooling. Max pooling pads with minus infinity (never zero) and saves, for backward, the flat position h*W + w of each
// maximum (first one on ties, NaN counts as maximum). Global average pooling is the mean over H,W.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

struct Pool2dParams {
  int kernel_h = 3, kernel_w = 3, stride_h = 2, stride_w = 2;
  int pad_top = 1, pad_left = 1, pad_bottom = 1, pad_right = 1;

  /// N,C,H,W -> N,C,P,Q (floor mode).
  Dims output_dims(const Dims& x) const {
    return {x[0], x[1], window_positions(x[2], kernel_h, stride_h, pad_top, pad_bottom),
            window_positions(x[3], kernel_w, stride_w, pad_left, pad_right)};
  }
};

/// x: N,C,H,W  y: N,C,P,Q  indices: int32, y's dims and layout; null when backward is not wanted.
using MaxPool2dForward = void (*)(ExecContext&, const TensorView& x, const TensorView& y, const TensorView* indices,
                                  const Pool2dParams&);
/// dx overwritten.
using MaxPool2dBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                                   const Pool2dParams&);
/// x: N,C,H,W  y: N,C
using GlobalAvgPoolForward = void (*)(ExecContext&, const TensorView& x, const TensorView& y);
/// dy: N,C  dx: N,C,H,W overwritten
using GlobalAvgPoolBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& dx);

struct PoolKernels {
  MaxPool2dForward max_pool2d{};
  MaxPool2dBackward max_pool2d_backward{};
  GlobalAvgPoolForward global_avg_pool{};
  GlobalAvgPoolBackward global_avg_pool_backward{};
};

}  // namespace fledge
