// What a depthwise convolution forward needs, for those that call its kernel by rows.
#pragma once
#include "kernels/api/conv.h"
#include "kernels/cpu/simd/table.h"

namespace fledge::cpu {

/// Arguments of SimdTable::depthwise_forward, without y and residual. Taps come from w's slot; where w has none, they
/// lie in the context's scratch. Valid on this thread until the next call.
DepthwiseArgs depthwise_arguments(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                                  Activation activation, const Dims& y, const Conv2dParams& p);

}  // namespace fledge::cpu
