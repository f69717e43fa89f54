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
/// Whether the gradient of weights is right in bfloat16. oneDNN 3.2 adds what is not there to taps that never meet the
/// picture, where the picture is smaller than the filter (seen with width 1, stride 2, AVX-512).
inline bool bf16_grad_weight_is_right(const TensorView& x, const TensorView& dw) {
  return x.dims[2] >= dw.dims[2] && x.dims[3] >= dw.dims[3];
}
/// residual may be y itself (same data); any other overlap is not allowed.
void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& epilogue,
                          const TensorView& y, const Conv2dParams& params);

}  // namespace fledge::onednn
