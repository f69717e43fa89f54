// Matrix products whose result stays in registers: blocks of kRows x kPanel sums, each step two vectors and kRows
// broadcasts. 12 sums of 16 registers on SSE4 and AVX2, 28 of 32 on AVX-512.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/product_blocks.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// What a block fetches into the second-level cache while it multiplies: `step` floats further at each of its steps.
struct Ahead {
  const float* from;
  std::int64_t step;
};

/// Y[R][kPanel] = X[R][depth] * W[depth][kPanel]. Three rows share a pointer, so that few registers hold addresses.
template <int R>
FLEDGE_INLINE void rows_by_panel(const float* x, std::int64_t ldx, const float* w, std::int64_t depth, float* y,
                                 std::int64_t ldy, Ahead ahead) {
  constexpr int kGroups = (R + 2) / 3;
  V sum[R][2] = {};
  const float* rows[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) rows[g] = x + 3 * g * ldx;
  for (std::int64_t c = 0; c < depth; ++c, w += kPanel, ahead.from += ahead.step) {
    __builtin_prefetch(ahead.from, 0, 2);
    const V w0 = load(w), w1 = load(w + kLanes);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const V v = set1(rows[r / 3][(r % 3) * ldx + c]);
      sum[r][0] = fma(v, w0, sum[r][0]);
      sum[r][1] = fma(v, w1, sum[r][1]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    store(y + r * ldy, sum[r][0]);
    store(y + r * ldy + kLanes, sum[r][1]);
  }
}

/// Y[R][kPanel] (+)= X[depth][R]^T * W[depth][kPanel].
template <int R, bool ADD>
FLEDGE_INLINE void columns_by_panel(const float* x, std::int64_t ldx, const float* w, std::int64_t ldw,
                                    std::int64_t depth, float* y, std::int64_t ldy) {
  V sum[R][2] = {};
  for (std::int64_t t = 0; t < depth; ++t, x += ldx, w += ldw) {
    const V w0 = load(w), w1 = load(w + kLanes);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const V v = set1(x[r]);
      sum[r][0] = fma(v, w0, sum[r][0]);
      sum[r][1] = fma(v, w1, sum[r][1]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < 2; ++j) {
      float* to = y + r * ldy + j * kLanes;
      store(to, ADD ? load(to) + sum[r][j] : sum[r][j]);
    }
}

/// A panel of weights is often read for the first time: its blocks of rows fetch the next panel, each a share of it.
void product(const ProductArgs& a) {
  const std::int64_t step = fetch_step(a.rows);
  for (std::int64_t k = 0; k < a.columns; k += kPanel) {
    const float* w = a.w + k * a.depth;
    Ahead ahead{w + kPanel * a.depth, step};
    std::int64_t r = 0;
    for (; r + kRows <= a.rows; r += kRows, ahead.from += step * a.depth)
      rows_by_panel<kRows>(a.x + r * a.ldx, a.ldx, w, a.depth, a.y + r * a.ldy + k, a.ldy, ahead);
    rest<kRows - 1>(a.rows - r, [&]<int R> {
      rows_by_panel<R>(a.x + r * a.ldx, a.ldx, w, a.depth, a.y + r * a.ldy + k, a.ldy, ahead);
    });
  }
}

template <bool ADD>
void transposed(const ProductArgs& a) {
  for (std::int64_t k = 0; k < a.columns; k += kPanel) {
    std::int64_t r = 0;
    for (; r + kRows <= a.rows; r += kRows)
      columns_by_panel<kRows, ADD>(a.x + r, a.ldx, a.w + k, a.ldw, a.depth, a.y + r * a.ldy + k, a.ldy);
    rest<kRows - 1>(a.rows - r, [&]<int R> {
      columns_by_panel<R, ADD>(a.x + r, a.ldx, a.w + k, a.ldw, a.depth, a.y + r * a.ldy + k, a.ldy);
    });
  }
}

void any_transposed(const ProductArgs& a, bool add) { add ? transposed<true>(a) : transposed<false>(a); }

}  // namespace

void fill_product(SimdTable& t) {
  t.product_rows = kRows;
  t.product_panel = kPanel;
  t.product = &product;
  t.product_transposed = &any_transposed;
}

}  // namespace fledge::cpu::FLEDGE_ISA
