// The product of matrices that is a convolution's last step: it starts at the bias and ends with the activation, while
// the sums are in registers. Blocks of kRows x kPanel sums as in product.cpp; where one vector holds all columns, twice
// as many rows.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/product_blocks.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// One block's place: its first row, its first column, and how many columns it has (at most kPanel).
struct Place {
  std::int64_t row, column, columns;
};

template <int VECTORS>
FLEDGE_INLINE V vector_of(const float* p, int j, std::int64_t columns) {
  const std::int64_t left = columns - j * kLanes;
  return left >= kLanes ? load(p + j * kLanes) : load_part(p + j * kLanes, left);
}

template <int R, int VECTORS>
FLEDGE_INLINE void finish(const ProductFusedArgs& a, const Place& at, V sum[R][VECTORS]) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  const std::int64_t left = at.columns - (VECTORS - 1) * kLanes;  // of the last vector
  float* y = a.y + at.row * a.ldy + at.column;
#pragma GCC unroll 28
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int j = 0; j < VECTORS; ++j) {
      float* to = y + r * a.ldy + j * kLanes;
      const V v = clamp(lo, hi, sum[r][j]);
      j < VECTORS - 1 || left >= kLanes ? store(to, v) : store_part(to, v, left);
    }
}

/// R rows by VECTORS vectors of columns. Three rows share a pointer, so that few registers hold addresses. The block
/// fetches `ahead` into the second-level cache, `step` floats further at each of its steps.
template <int R, int VECTORS>
FLEDGE_INLINE void block(const ProductFusedArgs& a, const Place& at, const float* ahead, std::int64_t step) {
  constexpr int kGroups = (R + 2) / 3;
  V sum[R][VECTORS];
#pragma GCC unroll 2
  for (int j = 0; j < VECTORS; ++j) {
    const V bias = a.bias ? vector_of<VECTORS>(a.bias + at.column, j, at.columns) : V{};
#pragma GCC unroll 28
    for (int r = 0; r < R; ++r) sum[r][j] = bias;
  }
  const float* w = a.w + at.column * a.runs * a.depth;
  for (int run = 0; run < a.runs; ++run) {
    const float* rows[kGroups];
#pragma GCC unroll 10
    for (int g = 0; g < kGroups; ++g) rows[g] = a.x + (at.row + 3 * g) * a.ldx + run * a.run_stride;
    for (std::int64_t c = 0; c < a.depth; ++c, w += kPanel, ahead += step) {
      if constexpr (VECTORS == 2) __builtin_prefetch(ahead, 0, 2);
      V weight[VECTORS];
#pragma GCC unroll 2
      for (int j = 0; j < VECTORS; ++j) weight[j] = load(w + j * kLanes);
#pragma GCC unroll 28
      for (int r = 0; r < R; ++r) {
        const V x = set1(rows[r / 3][(r % 3) * a.ldx + c]);
#pragma GCC unroll 2
        for (int j = 0; j < VECTORS; ++j) sum[r][j] = fma(x, weight[j], sum[r][j]);
      }
    }
  }
  finish<R, VECTORS>(a, at, sum);
}

/// All rows of one panel, whose blocks fetch the next panel, each a share of it.
template <int VECTORS>
void panel(const ProductFusedArgs& a, std::int64_t column) {
  const std::int64_t depth = a.runs * a.depth, step = fetch_step(a.rows);
  const float* ahead = a.w + (column + kPanel) * depth;
  Place at{0, column, a.columns - column < kPanel ? a.columns - column : kPanel};
  if constexpr (VECTORS == 1)
    for (; at.row + 2 * kRows <= a.rows; at.row += 2 * kRows) block<2 * kRows, VECTORS>(a, at, ahead, 0);
  for (; at.row + kRows <= a.rows; at.row += kRows, ahead += step * depth) block<kRows, VECTORS>(a, at, ahead, step);
  rest<kRows - 1>(a.rows - at.row, [&]<int R> { block<R, VECTORS>(a, at, ahead, step); });
}

void product_fused(const ProductFusedArgs& a) {
  for (std::int64_t column = 0; column < a.columns; column += kPanel)
    a.columns - column > kLanes ? panel<2>(a, column) : panel<1>(a, column);
}

}  // namespace

void fill_product_fused(SimdTable& t) { t.product_fused = &product_fused; }

}  // namespace fledge::cpu::FLEDGE_ISA
