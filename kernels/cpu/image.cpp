#include "kernels/cpu/image.h"

#include "kernels/cpu/normalizer.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {

void normalize_images(ExecContext& ctx, const TensorView& pixels, const TensorView& y, const NormalizeParams& p) {
  if (!is_channels_last(y)) return reference().image.normalize(ctx, pixels, y, p);
  const Normalizer& normalizer = Normalizer::of(p);
  parallel_for(ctx.threads(), y.numel() / 3, row_grain(3), [&](std::int64_t begin, std::int64_t end) {
    normalizer.run(pixels.as<std::uint8_t>() + 3 * begin, y.as<float>() + 3 * begin, 3 * (end - begin));
  });
}

void overlay_image(KernelTable& t) { t.image.normalize = &normalize_images; }

}  // namespace fledge::cpu
