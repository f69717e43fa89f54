// A first layer that reads pictures as they are stored.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::cpu {

/// Arguments as of ConvKernels::pixels_fused. False: not computed, as `few-channels` is not what the rule takes for the
/// convolution, or a weight is not finite.
bool pixels_by_rows(ExecContext& ctx, const TensorView& pixels, const NormalizeParams& normalize, const TensorView& w,
                    const ConvEpilogue& e, const TensorView& y, const Conv2dParams& p);
/// By a normalized copy of the pictures and a call of `fused`.
void pixels_normalized_first(Conv2dForwardFused fused, ExecContext& ctx, const TensorView& pixels,
                             const NormalizeParams& normalize, const TensorView& w, const ConvEpilogue& e,
                             const TensorView& y, const Conv2dParams& p);

}  // namespace fledge::cpu
