// Products of quantized rows: some items at a time are copied to panels, whose numbers of one depth lie side by side,
// and each panel meets a block of rows that stays in the second-level cache.
#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/turn.h"

namespace fledge::cpu {
namespace {

constexpr std::int64_t kPackedBytes = 1 << 20, kBlockBytes = 128 << 10;

/// How many pieces of so many bytes, at least one.
std::int64_t pieces_in(std::int64_t bytes, std::int64_t piece) {
  return std::max<std::int64_t>(1, bytes / std::max<std::int64_t>(1, piece));
}

/// Rows [first, first + count) of b as depth x panel, zeros behind them.
void pack_panel(const TensorView& b, std::int64_t first, std::int64_t count, std::int64_t panel, std::uint32_t* to) {
  const std::int64_t depth = b.dims[1], whole = depth / 4 * 4;
  const std::uint32_t* rows = b.as<std::uint32_t>() + first * depth;
  if (count < panel) std::fill_n(to, depth * panel, 0);
  std::int64_t j = 0;
  for (; j + 4 <= count; j += 4)
    for (std::int64_t k = 0; k < whole; k += 4) turn_4x4(rows + j * depth + k, depth, to + k * panel + j, panel);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = i < j ? whole : 0; k < depth; ++k) to[k * panel + i] = rows[i * depth + k];
}

void quantized_products(ExecContext& ctx, const TensorView& a, const TensorView& a_scale, const TensorView& b,
                        const TensorView& b_scale, const TensorView& products) {
  const std::int64_t rows = a.dims[0], depth = a.dims[1], width = b.dims[0], panel = simd().quantized_panel;
  const std::int64_t panel_size = depth * panel, panels = (width + panel - 1) / panel;
  const std::int64_t together = std::min(panels, pieces_in(kPackedBytes, panel_size * 4));
  const std::int64_t block = pieces_in(kBlockBytes, simd().quantized_rows * depth * 4) * simd().quantized_rows;
  auto* packed = static_cast<std::uint32_t*>(ctx.scratch(static_cast<std::size_t>(together * panel_size) * 4));
  for (std::int64_t first = 0; first < panels; first += together) {
    const std::int64_t end = std::min(panels, first + together);
    const auto columns = [&](std::int64_t p) { return std::min(panel, width - p * panel); };
    parallel_for(ctx.threads(), end - first, row_grain(panel_size), [&](std::int64_t begin, std::int64_t stop) {
      for (std::int64_t p = begin; p < stop; ++p)
        pack_panel(b, (first + p) * panel, columns(first + p), panel, packed + p * panel_size);
    });
    parallel_for(
        ctx.threads(), rows, row_grain((end - first) * panel_size), [&](std::int64_t begin, std::int64_t stop) {
          for (std::int64_t r = begin; r < stop; r += block)
            for (std::int64_t p = first; p < end; ++p)
              simd().quantized_product({.x = a.as<std::int32_t>() + r * depth,
                                        .w = reinterpret_cast<const std::int32_t*>(packed) + (p - first) * panel_size,
                                        .y = products.as<float>() + r * width + p * panel,
                                        .x_scale = a_scale.as<float>() + r,
                                        .w_scale = b_scale.as<float>() + p * panel,
                                        .ldy = width,
                                        .rows = std::min(block, stop - r),
                                        .depth = depth,
                                        .columns = columns(p)});
        });
  }
}

}  // namespace

void overlay_quantized(KernelTable& t) { t.distance.quantized_products = &quantized_products; }

}  // namespace fledge::cpu
