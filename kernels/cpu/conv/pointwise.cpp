// Convolutions of one tap whose output's moments are wanted: strips of pixels are multiplied, and their moments taken
// while they lie in the cache. oneDNN multiplies as fast; what it writes has to be read again for the moments.
#include <algorithm>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

const char* refuses(const ConvCall& c) {
  const Conv2dParams& p = c.params;
  if (!c.moments) return "no moments are wanted";
  if (c.w.dims[2] != 1 || c.w.dims[3] != 1 || p.stride_h != 1 || p.stride_w != 1 || p.groups != 1)
    return "not 1 x 1 with stride 1";
  if (p.pad_top || p.pad_left || p.pad_bottom || p.pad_right) return "padded";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

/// Pixels of a strip: whole blocks of the product, whose inputs stay in the first-level cache, but so many that a panel
/// of weights is worth fetching.
std::int64_t strip_pixels(const ConvCall& c) {
  constexpr std::int64_t kFloats = 4 * 1024, kLeast = 48;
  const std::int64_t block = 2 * simd().product_rows;
  const std::int64_t pixels = std::max(kLeast, kFloats / std::max(c.x.dims[1], c.y.dims[1]));
  return (pixels + block - 1) / block * block;
}

void run(ExecContext& ctx, const ConvCall& c) {
  const std::int64_t depth = c.x.dims[1], columns = c.y.dims[1], pixels = c.y.numel() / columns;
  const std::int64_t strip = strip_pixels(c), strips = (pixels + strip - 1) / strip;
  auto* weights = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(panel_floats(c.w)) * sizeof(float)));
  pack_panels(c.w, weights, ctx.threads());
  const Bounds bounds = bounds_of(c.epilogue.activation);
  const ProductFusedArgs product{.x = c.x.as<float>(),
                                 .w = weights,
                                 .bias = c.epilogue.bias ? c.epilogue.bias->as<float>() : nullptr,
                                 .y = c.y.as<float>(),
                                 .ldx = depth,
                                 .ldy = columns,
                                 .run_stride = 0,
                                 .runs = 1,
                                 .rows = 0,
                                 .depth = depth,
                                 .columns = columns,
                                 .lo = bounds.lo,
                                 .hi = bounds.hi};
  const int parts = sum_parts(ctx, strips, 1);
  c.moments->begin(parts);
  parallel_sum(ctx, parts, strips, [&](int part, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      ProductFusedArgs mine = product;
      mine.x += i * strip * depth;
      mine.y += i * strip * columns;
      mine.rows = std::min(strip, pixels - i * strip);
      simd().product_fused(mine);
      c.moments->add(part, mine.y, mine.rows);
    }
  });
}

}  // namespace

const ConvImplementation kPointwise{.name = "pointwise", .refuses = &refuses, .run = &run};

}  // namespace fledge::cpu
