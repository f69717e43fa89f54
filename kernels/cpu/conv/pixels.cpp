#include "kernels/cpu/conv/pixels.h"

#include "kernels/cpu/allocator.h"
#include "kernels/cpu/image.h"

namespace fledge::cpu {

void pixels_normalized_first(Conv2dForwardFused fused, ExecContext& ctx, const TensorView& pixels,
                             const NormalizeParams& normalize, const TensorView& w, const ConvEpilogue& e,
                             const TensorView& y, const Conv2dParams& p) {
  const Lent memory(static_cast<std::size_t>(pixels.numel()) * sizeof(float));
  const TensorView x = normalized_view(pixels, memory.data, DType::Float32);
  normalize_images(ctx, pixels, x, normalize);
  fused(ctx, x, w, e, y, p);
}

}  // namespace fledge::cpu
