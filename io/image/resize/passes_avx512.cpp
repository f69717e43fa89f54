#include "io/image/resize/passes_simd.h"

#ifdef __x86_64__
#ifndef __clang__  // g++ 12 warns of what its own header leaves undefined
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <algorithm>

namespace fledge {
namespace {

#define FLEDGE_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
/// Rows r to r + 3 in the quarters of a register.
template <int Registers>
FLEDGE_AVX512 void horizontal_rows_avx512(const std::uint8_t* const* in, std::uint8_t* const* out, int out_width,
                                          const ResizeCoefficients& c) {
  const __m512i near = _mm512_broadcast_i32x4(FLEDGE_PIXELS_0_1), far = _mm512_broadcast_i32x4(FLEDGE_PIXELS_2_3);
  for (int x = 0; x < out_width; ++x) {
    const std::int32_t* w = c.halves.data() + static_cast<std::size_t>(x) * c.pairs * 2;
    std::size_t at = static_cast<std::size_t>(c.first[x]) * 3;
    __m512i low[Registers], high[Registers];
    for (int r = 0; r < Registers; ++r) low[r] = _mm512_set1_epi32(kResizeHalf), high[r] = _mm512_setzero_si512();
    const int pairs = (c.count[x] + 1) / 2;
    for (int i = 0; i < pairs; i += 2, at += 12, w += 4) {
      std::int32_t halves[4] = {w[0], w[1], 0, 0};
      if (i + 1 < pairs) halves[2] = w[2], halves[3] = w[3];
      const __m512i low_0 = _mm512_set1_epi32(halves[0]), high_0 = _mm512_set1_epi32(halves[1]);
      const __m512i low_1 = _mm512_set1_epi32(halves[2]), high_1 = _mm512_set1_epi32(halves[3]);
      for (int r = 0; r < Registers; ++r) {
        __m512i pixels = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in[4 * r] + at)));
        pixels = _mm512_inserti32x4(pixels, _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[4 * r + 1] + at)), 1);
        pixels = _mm512_inserti32x4(pixels, _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[4 * r + 2] + at)), 2);
        pixels = _mm512_inserti32x4(pixels, _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[4 * r + 3] + at)), 3);
        const __m512i two = _mm512_shuffle_epi8(pixels, near), next = _mm512_shuffle_epi8(pixels, far);
        low[r] = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(low[r], two, low_0), next, low_1);
        high[r] = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(high[r], two, high_0), next, high_1);
      }
    }
    for (int r = 0; r < Registers; ++r) {
      const __m512i sum = _mm512_add_epi32(low[r], _mm512_slli_epi32(high[r], kLowBits));
      const __m512i value = _mm512_srai_epi32(sum, kResizePrecision);
      const __m512i words = _mm512_packus_epi32(value, value), bytes = _mm512_packus_epi16(words, words);
      _mm_storeu_si32(out[4 * r] + 3 * x, _mm512_castsi512_si128(bytes));
      _mm_storeu_si32(out[4 * r + 1] + 3 * x, _mm512_extracti32x4_epi32(bytes, 1));
      _mm_storeu_si32(out[4 * r + 2] + 3 * x, _mm512_extracti32x4_epi32(bytes, 2));
      _mm_storeu_si32(out[4 * r + 3] + 3 * x, _mm512_extracti32x4_epi32(bytes, 3));
    }
  }
}
/// 32 bytes, as the AVX2 version does 16.
FLEDGE_AVX512 void vertical_bytes_avx512(const std::uint8_t* in, std::size_t stride, const std::int32_t* w, int count,
                                         std::uint8_t* out) {
  __m512i low[2] = {_mm512_set1_epi32(kResizeHalf), _mm512_set1_epi32(kResizeHalf)};
  __m512i high[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  for (int i = 0; i < count; i += 2, w += 2, in += 2 * stride) {
    const std::uint8_t* next = i + 1 < count ? in + stride : in;
    const __m512i low_w = _mm512_set1_epi32(w[0]), high_w = _mm512_set1_epi32(w[1]);
    const __m512i a = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in)));
    const __m512i b = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(next)));
    const __m512i pairs[2] = {_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b)};
    for (int k = 0; k < 2; ++k) {
      low[k] = _mm512_dpwssd_epi32(low[k], pairs[k], low_w);
      high[k] = _mm512_dpwssd_epi32(high[k], pairs[k], high_w);
    }
  }
  __m512i value[2];
  for (int k = 0; k < 2; ++k)
    value[k] = _mm512_srai_epi32(_mm512_add_epi32(low[k], _mm512_slli_epi32(high[k], kLowBits)), kResizePrecision);
  const __m256i bytes = _mm512_cvtusepi16_epi8(_mm512_packus_epi32(value[0], value[1]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
}

}  // namespace

bool has_avx512_with_vnni() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

FLEDGE_AVX512 void horizontal_avx512(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int width,
                                     const ResizeCoefficients& c) {
  if (rows == 8) return horizontal_rows_avx512<2>(in, out, width, c);
  for (int r = 0; r < rows; r += 4) {
    const std::uint8_t* from[4];
    std::uint8_t* to[4];
    for (int i = 0; i < 4; ++i) {  // a last row is computed again in the place of those that there are not
      const int row = std::min(r + i, rows - 1);
      from[i] = in[row], to[i] = out[row];
    }
    horizontal_rows_avx512<1>(from, to, width, c);
  }
}
FLEDGE_AVX512 void vertical_avx512(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y,
                                   std::uint8_t* out, int bytes) {
  if (bytes < 32) return vertical_avx2(in, stride, c, y, out, bytes);
  const std::int32_t* w = c.halves.data() + static_cast<std::size_t>(y) * c.pairs * 2;
  for (int x = 0; x < bytes; x += 32) {
    const int at = std::min(x, bytes - 32);  // the last ones reach back
    vertical_bytes_avx512(in + at, stride, w, c.count[y], out + at);
  }
}

}  // namespace fledge
#endif
