// Convolution through cuDNN, float32 and bfloat16. Signatures and formulas: kernels/api/conv.h. Every rank-4 view is
// dense channels-last, weights too. bfloat16: biases and weight gradients are float32. Sums are float32 always.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::cudnn {

void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& params);
void conv2d_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& params);
void conv2d_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& params);
/// residual may be y itself (same data); any other overlap is not allowed.
void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& epilogue,
                          const TensorView& y, const Conv2dParams& params);

}  // namespace fledge::cudnn
