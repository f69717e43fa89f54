// Products of 16-bit whole numbers, in the blocks of product.cpp: kRows x kPanel sums stay in registers. vpmaddwd makes
// two products of each lane and adds them, so a multiplier does twice what it does with floats; AVX-512 VNNI's vpdpwssd
// adds to the sum as well. 12 sums of 16 registers on SSE4 and AVX2, 28 of 32 on AVX-512.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr int kPanel = 2 * kLanes;
constexpr int kRows = FLEDGE_VEC_BYTES == 64 ? 14 : 6;

/// sum + a.low * b.low + a.high * b.high, lane by lane. VNNI: in one instruction. As assembly, since a function
/// compiled for it could not be inlined into one that is not.
template <bool VNNI>
FLEDGE_INLINE VI add_pairs(VI sum, VI a, VI b) {
#if FLEDGE_VEC_BYTES == 64
  if constexpr (VNNI) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  return sum + VI(_mm512_madd_epi16(__m512i(a), __m512i(b)));
#elif FLEDGE_VEC_BYTES == 32
  return sum + VI(_mm256_madd_epi16(__m256i(a), __m256i(b)));
#else
  return sum + VI(_mm_madd_epi16(__m128i(a), __m128i(b)));
#endif
}

/// Three rows share a pointer, so that few registers hold addresses.
template <bool VNNI, int R>
FLEDGE_INLINE void rows_by_panel(const QuantizedArgs& a, std::int64_t first) {
  constexpr int kGroups = (R + 2) / 3;
  VI sum[R][2] = {};
  const std::int32_t *rows[kGroups], *w = a.w;
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) rows[g] = a.x + (first + 3 * g) * a.depth;
  const std::int64_t depth = a.depth;
  for (std::int64_t k = 0; k < depth; ++k, w += kPanel) {
    const VI w0 = load(w), w1 = load(w + kLanes);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const VI v = set1_int(rows[r / 3][(r % 3) * depth + k]);
      sum[r][0] = add_pairs<VNNI>(sum[r][0], v, w0);
      sum[r][1] = add_pairs<VNNI>(sum[r][1], v, w1);
    }
  }
  const bool whole = a.columns == kPanel;
  const std::int64_t counts[2] = {a.columns < kLanes ? a.columns : kLanes, a.columns < kLanes ? 0 : a.columns - kLanes};
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    float* y = a.y + (first + r) * a.ldy;
    const V scale = set1(a.x_scale[first + r]);
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const float* w_scale = a.w_scale + h * kLanes;
      const V products = to_float(sum[r][h]) * scale;
      if (whole)
        store(y + h * kLanes, products * load(w_scale));
      else
        store_part(y + h * kLanes, products * load_part(w_scale, counts[h]), counts[h]);
    }
  }
}

/// The R or fewer rows that are left.
template <bool VNNI, int R>
FLEDGE_INLINE void rest(const QuantizedArgs& a, std::int64_t first) {
  if (a.rows - first == R) return rows_by_panel<VNNI, R>(a, first);
  if constexpr (R > 1) rest<VNNI, R - 1>(a, first);
}

template <bool VNNI>
void product(const QuantizedArgs& a) {
  std::int64_t r = 0;
  for (; r + kRows <= a.rows; r += kRows) rows_by_panel<VNNI, kRows>(a, r);
  rest<VNNI, kRows - 1>(a, r);
}

}  // namespace

void fill_quantized(SimdTable& t) {
  t.quantized_rows = kRows;
  t.quantized_panel = kPanel;
  t.quantized_product = &product<false>;
#if FLEDGE_VEC_BYTES == 64
  if (__builtin_cpu_supports("avx512vnni")) t.quantized_product = &product<true>;
#endif
}

}  // namespace fledge::cpu::FLEDGE_ISA
