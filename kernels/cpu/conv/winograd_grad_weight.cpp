// The gradient of the weights by Winograd's tiles: dw = G^T (sum over tiles of (A dy A^T)^T (B^T x B)) G, the transpose
// of the forward formula. A block of tiles is transformed, then its products are added at each position. An element's
// sum runs over the tiles in order, whatever the threads.
#include <algorithm>
#include <vector>

#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/cpu/conv/winograd_tiles.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

/// Both factors of a block of tiles, and the sums, at the positions.
struct GradBlock {
  std::int64_t tiles, c, k;  // c, k: of channels, whole panels
  std::int64_t x_stride() const { return tiles * c + kLine; }
  std::int64_t dy_stride() const { return tiles * k + kLine; }
  std::int64_t sum_stride() const { return k * c + kLine; }
};

/// Tiles [first, first + count) of x and dy to their positions.
void transform_block(ExecContext& ctx, const WinogradTiles& t, const ConvCall& call, const GradBlock& b,
                     std::int64_t first, std::int64_t count, float* x, float* dy) {
  const std::int64_t c = call.x.dims[1], k = call.w.dims[0];
  parallel_for(ctx.threads(), count, 1, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> zeros;
    if (zeros.size() < static_cast<std::size_t>(std::max(c, k))) zeros.resize(static_cast<std::size_t>(std::max(c, k)));
    const float* pixels[kMostPositions];
    for (std::int64_t i = begin; i < end; ++i) {
      const WinogradTiles::Place at = t.place(first + i);
      t.inputs(at, call.x.as<float>(), c, zeros.data(), pixels);
      simd().winograd_input({t.m, pixels, x + i * b.c, b.x_stride(), c});
      t.outputs<const float>(at, call.y.as<float>(), k, zeros.data(), pixels);
      simd().winograd_grad_output({t.m, pixels, dy + i * b.k, b.dy_stride(), k});
    }
  });
}

}  // namespace

bool winograd_grad_weight(ExecContext& ctx, int m, const ConvCall& call) {
  constexpr std::int64_t kBlockFloats = 3 << 19;  // of both factors: 6 MiB stay in the third-level cache
  const Conv2dParams& p = call.params;
  const std::int64_t c = call.x.dims[1], k = call.w.dims[0];
  const WinogradTiles t{m,         call.x.dims[0], call.x.dims[2], call.x.dims[3], call.y.dims[2], call.y.dims[3],
                        p.pad_top, p.pad_left};
  GradBlock b{0, whole_panels(c), k};
  b.tiles = std::min<std::int64_t>(t.count(),
                                   std::clamp<std::int64_t>(kBlockFloats / (t.positions() * (b.c + b.k)), 48, 512));
  const std::int64_t floats = t.positions() * (b.x_stride() + b.dy_stride() + b.sum_stride());
  auto* x = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
  float* dy = x + t.positions() * b.x_stride();
  float* sums = dy + t.positions() * b.dy_stride();

  // An item: 48 rows of the sums at one position.
  constexpr std::int64_t kItemRows = 48;
  const std::int64_t items = (k + kItemRows - 1) / kItemRows;
  for (std::int64_t first = 0; first < t.count(); first += b.tiles) {
    const std::int64_t count = std::min(b.tiles, t.count() - first);
    transform_block(ctx, t, call, b, first, count, x, dy);
    parallel_for(ctx.threads(), t.positions() * items, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t position = i / items, row = i % items * kItemRows;
        simd().product_transposed({.x = dy + position * b.dy_stride() + row,
                                   .w = x + position * b.x_stride(),
                                   .y = sums + position * b.sum_stride() + row * b.c,
                                   .ldx = b.k,
                                   .ldw = b.c,
                                   .ldy = b.c,
                                   .rows = std::min(kItemRows, k - row),
                                   .depth = count,
                                   .columns = b.c},
                                  first > 0);
      }
    });
  }

  std::vector<unsigned char> finite(static_cast<std::size_t>(k));
  parallel_for(ctx.threads(), k, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* taps[9];
      for (int tap = 0; tap < 9; ++tap) taps[tap] = call.w.as<float>() + (i * 9 + tap) * c;
      finite[static_cast<std::size_t>(i)] = simd().winograd_grad_weight({m, sums + i * b.c, b.sum_stride(), c, taps});
    }
  });
  return std::all_of(finite.begin(), finite.end(), [](unsigned char f) { return f != 0; });
}

}  // namespace fledge::cpu
