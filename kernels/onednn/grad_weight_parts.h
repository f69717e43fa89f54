// The weight gradient of a convolution in fixed parts, for a thread-invariant context.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::onednn {

/// As conv2d_grad_weight; `work` in multiply-adds. Two ways to divide it, whichever moves less memory:
/// by pictures, a gradient for each part, added up in the order of the parts (room for seven gradients in scratch);
/// by filters, each part a whole sum for its own (room for a copy of dy).
void grad_weight_in_parts(ExecContext& ctx, std::int64_t work, const TensorView& dy, const TensorView& x,
                          const TensorView& dw, const Conv2dParams& params);

}  // namespace fledge::onednn
