// Convolution through oneDNN, f32, or bf16 with biases and gradients of weights in f32. Signatures and formulas:
// kernels/api/conv.h. Every rank-4 view is dense channels-last, weights too; groups of any kind, stride and padding of
// four sides. Threads come from the context, scratch from its arena. Throws Error(Internal) with the vendor's text and
// the problem when oneDNN refuses.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::onednn {

void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& params);
void conv2d_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& params);
void conv2d_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& params);
/// residual may be y itself (same data); any other overlap is not allowed.
void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& epilogue,
                          const TensorView& y, const Conv2dParams& params);

}  // namespace fledge::onednn
