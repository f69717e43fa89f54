// MobileNet's block in one pass: a depthwise convolution and the 1 x 1 one behind it.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::cpu {

/// Arguments as of ConvKernels::separable_fused. False: not computed, as a view is not channels-last or a weight has no
/// slot to keep its packed form in.
bool separable_by_strips(ExecContext& ctx, const TensorView& x, const TensorView& depthwise,
                         const TensorView& pointwise, const SeparableEpilogue& e, const TensorView& y,
                         const Conv2dParams& p);
/// As two calls of `fused`, with a tensor between them.
void separable_in_two(Conv2dForwardFused fused, ExecContext& ctx, const TensorView& x, const TensorView& depthwise,
                      const TensorView& pointwise, const SeparableEpilogue& e, const TensorView& y,
                      const Conv2dParams& p);

}  // namespace fledge::cpu
