// Products of whole numbers, in the blocks of product.cpp: kRows x kPanel sums stay in registers. vpmaddwd makes two
// products of 16 bits in each lane and adds them, so a multiplier does twice what it does with floats; AVX-512 VNNI's
// vpdpwssd adds to the sum as well, and its vpdpbusd makes four products of 8 bits. 12 sums of 16 registers on SSE4 and
// AVX2, 28 of 32 on AVX-512.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/product_blocks.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

enum class By { Madd, VnniPairs, VnniBytes };

/// sum + a.low * b.low + a.high * b.high, lane by lane, or the same of four bytes, those of a without sign. As assembly
/// where it is VNNI's, since a function compiled for that could not be inlined into one that is not.
template <By BY>
FLEDGE_INLINE VI add_products(VI sum, VI a, VI b) {
#if FLEDGE_VEC_BYTES == 64
  if constexpr (BY == By::VnniPairs) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  if constexpr (BY == By::VnniBytes) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  return sum + VI(_mm512_madd_epi16(__m512i(a), __m512i(b)));
#elif FLEDGE_VEC_BYTES == 32
  return sum + VI(_mm256_madd_epi16(__m256i(a), __m256i(b)));
#else
  return sum + VI(_mm_madd_epi16(__m128i(a), __m128i(b)));
#endif
}

/// The first n lanes, where they are not all there.
FLEDGE_INLINE V load_most(const float* p, std::int64_t n) { return n >= kLanes ? load(p) : load_part(p, n); }

/// What follows the sums of R rows in one vector of columns.
template <int R>
FLEDGE_INLINE void finish(const QuantizedArgs& a, std::int64_t first, std::int64_t column, const VI (&sum)[R][2]) {
  const std::int64_t count = a.columns - column, ldy = a.ldy;
  const int half = column == 0 ? 0 : 1;
  if (count <= 0) return;
  const V scale = load_most(a.w_scale + column, count), bias = a.bias ? load_most(a.bias + column, count) : V{};
  const V lo = set1(a.lo), hi = set1(a.hi);
  const std::int64_t at = first * ldy + column;
  const float *x_scale = a.x_scale + first, *residual = a.residual ? a.residual + at : nullptr;
  const std::int32_t* x_zero = a.x_zero ? a.x_zero + first : nullptr;
  const VI w_sum = a.w_sum ? load(a.w_sum + column) : VI{};
  float* y = a.y + at;
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    VI products = sum[r][half];
    if (x_zero) products -= set1_int(x_zero[r]) * w_sum;
    V v = fma(to_float(products) * set1(x_scale[r]), scale, bias);
    if (residual) v += load_most(residual + r * ldy, count);
    v = clamp(lo, hi, v);
    count >= kLanes ? store(y + r * ldy, v) : store_part(y + r * ldy, v, count);
  }
}

/// Three rows share a pointer, so that few registers hold addresses.
template <By BY, int R>
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
      sum[r][0] = add_products<BY>(sum[r][0], v, w0);
      sum[r][1] = add_products<BY>(sum[r][1], v, w1);
    }
  }
  finish<R>(a, first, 0, sum);
  finish<R>(a, first, kLanes, sum);
}

template <By BY>
void product(const QuantizedArgs& a) {
  std::int64_t r = 0;
  for (; r + kRows <= a.rows; r += kRows) rows_by_panel<BY, kRows>(a, r);
  rest<kRows - 1>(a.rows - r, [&]<int R> { rows_by_panel<BY, R>(a, r); });
}

/// Sixteen numbers, rounded to the nearest, where all are below 2^15.
FLEDGE_INLINE void store_rounded(std::int16_t* to, const float* from, V per_unit) {
#if FLEDGE_VEC_BYTES == 64
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(__m512i(round_int(load(from) * per_unit))));
#elif FLEDGE_VEC_BYTES == 32
  const VI low = round_int(load(from) * per_unit), high = round_int(load(from + 8) * per_unit);
  const __m256i packed = _mm256_packs_epi32(__m256i(low), __m256i(high));  // of each half of both
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(packed, 0xD8));
#else
  VI v[4];
  for (int i = 0; i < 4; ++i) v[i] = round_int(load(from + 4 * i) * per_unit);
  for (int i = 0; i < 2; ++i)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 8 * i), _mm_packs_epi32(__m128i(v[2 * i]), __m128i(v[2 * i + 1])));
#endif
}

float sum_of_lanes(V v) {
  float s = 0;
  for (int i = 0; i < kLanes; ++i) s += v[i];
  return s;
}

/// Of numbers whose squares leave float's range; NaN where one is not finite.
float norm_of_any(const float* const* from, std::int64_t runs, std::int64_t c) {
  constexpr float kLeast = 1e-33f;  // whose unit's reciprocal is a float
  float most = 0;
  for (std::int64_t run = 0; run < runs; ++run)
    for (std::int64_t i = 0; i < c; ++i) {
      const float size = __builtin_fabsf(from[run][i]);
      if (!(size < __builtin_inff())) return __builtin_nanf("");
      if (size > most) most = size;
    }
  if (most < kLeast) return 0;
  double square = 0;
  for (std::int64_t run = 0; run < runs; ++run)
    for (std::int64_t i = 0; i < c; ++i) square += double{from[run][i]} / most * (double{from[run][i]} / most);
  return static_cast<float>(most * __builtin_sqrt(square));
}

float quantize(const float* const* from, std::int64_t runs, std::int64_t c, std::int16_t* to) {
  constexpr float kNorm = 32000, kLeastSquare = 1e-20f;
  V sums[4] = {};
  for (std::int64_t run = 0; run < runs; ++run)
    for (std::int64_t i = 0; i < c; i += 16)
#pragma GCC unroll 4
      for (int j = 0; j < 16 / kLanes; ++j) {
        const V v = load(from[run] + i + j * kLanes);
        sums[j] = fma(v, v, sums[j]);
      }
  const float square = sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  const bool near = square < __builtin_inff() && square > kLeastSquare;
  const float norm = near ? __builtin_sqrtf(square) : norm_of_any(from, runs, c);
  const V per_unit = set1(norm > 0 ? kNorm / norm : 0.0f);
  for (std::int64_t run = 0; run < runs; ++run, to += c)
    for (std::int64_t i = 0; i < c; i += 16) store_rounded(to + i, from[run] + i, per_unit);
  return norm / kNorm;
}

#if FLEDGE_VEC_BYTES == 64
float quantize8(const float* const* from, std::int64_t runs, std::int64_t c, std::uint8_t* to, std::int32_t* zero) {
  constexpr float kLeast = 1e-30f;
  V low = {}, high = {}, broken = {};
  for (std::int64_t run = 0; run < runs; ++run)
    for (std::int64_t i = 0; i < c; i += kLanes) {
      const V v = load(from[run] + i);
      low = min(low, v), high = max(high, v), broken = fma(v, V{}, broken);
    }
  const float least = _mm512_reduce_min_ps(__m512(low)), most = _mm512_reduce_max_ps(__m512(high));
  *zero = least < 0 ? 128 : 0;
  const float size = -least > most ? -least : most, unit = size / (least < 0 ? 127 : 255);
  const bool finite = sum_of_lanes(broken) == 0;
  const V per_unit = set1(finite && size > kLeast ? 1 / unit : 0.0f);
  const VI from_zero = set1_int(*zero);
  for (std::int64_t run = 0; run < runs; ++run, to += c)
    for (std::int64_t i = 0; i < c; i += kLanes) {
      const VI codes = round_int(load(from[run] + i) * per_unit) + from_zero;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm512_cvtepi32_epi8(__m512i(codes)));
    }
  return !finite ? __builtin_nanf("") : size > kLeast ? unit : 0.0f;
}
#endif

}  // namespace

void fill_quantized(SimdTable& t) {
  t.quantized_rows = kRows;
  t.quantized_panel = kPanel;
  t.quantized_product = &product<By::Madd>;
  t.quantize = &quantize;
  t.quantized8_product = nullptr;
  t.quantize8 = nullptr;
#if FLEDGE_VEC_BYTES == 64
  if (__builtin_cpu_supports("avx512vnni")) {
    t.quantized_product = &product<By::VnniPairs>;
    t.quantized8_product = &product<By::VnniBytes>;
    t.quantize8 = &quantize8;
  }
#endif
}

}  // namespace fledge::cpu::FLEDGE_ISA
