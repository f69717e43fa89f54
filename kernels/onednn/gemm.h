// Matrix product through oneDNN's matmul, f32. Formula and shapes: kernels/api/gemm.h; all four transposes, optional
// bias. A weight with a slot (b_is_weight) is packed once per version; see README.md for when that pays.
// Throws Error(Internal) with the vendor's text and the problem when oneDNN refuses.
#pragma once
#include "kernels/api/gemm.h"

namespace fledge::onednn {

void matmul(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& params);

}  // namespace fledge::onednn
