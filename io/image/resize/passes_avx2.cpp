#include "io/image/resize/passes_simd.h"

#ifdef __x86_64__
#include <immintrin.h>

#include <algorithm>

namespace fledge {
namespace {

/// Rows r and r + 1 in the halves of a register, Registers times.
template <int Registers>
__attribute__((target("avx2"))) void horizontal_rows_avx2(const std::uint8_t* const* in, std::uint8_t* const* out,
                                                          int out_width, const ResizeCoefficients& c) {
  const __m256i near = _mm256_broadcastsi128_si256(FLEDGE_PIXELS_0_1);
  const __m256i far = _mm256_broadcastsi128_si256(FLEDGE_PIXELS_2_3);
  for (int x = 0; x < out_width; ++x) {
    const std::int32_t* w = c.halves.data() + static_cast<std::size_t>(x) * c.pairs * 2;
    std::size_t at = static_cast<std::size_t>(c.first[x]) * 3;
    __m256i low[Registers], high[Registers];
    for (int r = 0; r < Registers; ++r) low[r] = _mm256_set1_epi32(kResizeHalf), high[r] = _mm256_setzero_si256();
    const int pairs = (c.count[x] + 1) / 2;
    for (int i = 0; i < pairs; i += 2, at += 12, w += 4) {
      const __m256i low_0 = _mm256_set1_epi32(w[0]), high_0 = _mm256_set1_epi32(w[1]);
      __m256i pixels[Registers];
      for (int r = 0; r < Registers; ++r) {
        pixels[r] = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in[2 * r] + at))),
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[2 * r + 1] + at)), 1);
        const __m256i two = _mm256_shuffle_epi8(pixels[r], near);
        low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(two, low_0));
        high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(two, high_0));
      }
      if (i + 1 == pairs) break;
      const __m256i low_1 = _mm256_set1_epi32(w[2]), high_1 = _mm256_set1_epi32(w[3]);
      for (int r = 0; r < Registers; ++r) {
        const __m256i two = _mm256_shuffle_epi8(pixels[r], far);
        low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(two, low_1));
        high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(two, high_1));
      }
    }
    for (int r = 0; r < Registers; ++r) {
      const __m256i sum = _mm256_add_epi32(low[r], _mm256_slli_epi32(high[r], kLowBits));
      const __m256i value = _mm256_srai_epi32(sum, kResizePrecision);
      const __m256i words = _mm256_packus_epi32(value, value), bytes = _mm256_packus_epi16(words, words);
      _mm_storeu_si32(out[2 * r] + 3 * x, _mm256_castsi256_si128(bytes));
      _mm_storeu_si32(out[2 * r + 1] + 3 * x, _mm256_extracti128_si256(bytes, 1));
    }
  }
}
/// 16 bytes at `in` and below it, Registers times. Two rows stand side by side in each register: the words of one row
/// and those of the next in turns.
template <int Registers>
__attribute__((target("avx2"))) void vertical_bytes_avx2(const std::uint8_t* in, std::size_t stride,
                                                         const std::int32_t* w, int count, std::uint8_t* out) {
  __m256i low[2 * Registers], high[2 * Registers];
  for (int r = 0; r < 2 * Registers; ++r) low[r] = _mm256_set1_epi32(kResizeHalf), high[r] = _mm256_setzero_si256();
  for (int i = 0; i < count; i += 2, w += 2, in += 2 * stride) {
    const std::uint8_t* next = i + 1 < count ? in + stride : in;  // 0 stands in the place of a weight that there is not
    const __m256i low_w = _mm256_set1_epi32(w[0]), high_w = _mm256_set1_epi32(w[1]);
    for (int r = 0; r < Registers; ++r) {
      const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 16 * r)));
      const __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next + 16 * r)));
      const __m256i pairs[2] = {_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)};
      for (int k = 0; k < 2; ++k) {
        low[2 * r + k] = _mm256_add_epi32(low[2 * r + k], _mm256_madd_epi16(pairs[k], low_w));
        high[2 * r + k] = _mm256_add_epi32(high[2 * r + k], _mm256_madd_epi16(pairs[k], high_w));
      }
    }
  }
  for (int r = 0; r < Registers; ++r) {
    __m256i value[2];
    for (int k = 0; k < 2; ++k)
      value[k] = _mm256_srai_epi32(_mm256_add_epi32(low[2 * r + k], _mm256_slli_epi32(high[2 * r + k], kLowBits)),
                                   kResizePrecision);
    const __m256i words = _mm256_packus_epi32(value[0], value[1]);
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * r), _mm256_castsi256_si128(bytes));
  }
}

}  // namespace

__attribute__((target("avx2"))) void horizontal_avx2(const std::uint8_t* const* in, std::uint8_t* const* out, int rows,
                                                     int width, const ResizeCoefficients& c) {
  int r = 0;
  for (; r + 8 <= rows; r += 8) horizontal_rows_avx2<4>(in + r, out + r, width, c);
  for (; r < rows; r += 2) {
    const int other = r + 1 < rows ? r + 1 : r;  // a last row alone is computed twice
    const std::uint8_t* const from[2] = {in[r], in[other]};
    std::uint8_t* const to[2] = {out[r], out[other]};
    horizontal_rows_avx2<1>(from, to, width, c);
  }
}
__attribute__((target("avx2"))) void vertical_avx2(const std::uint8_t* in, std::size_t stride,
                                                   const ResizeCoefficients& c, int y, std::uint8_t* out, int bytes) {
  if (bytes < 16) return vertical_plain(in, stride, c, y, out, bytes);
  const std::int32_t* w = c.halves.data() + static_cast<std::size_t>(y) * c.pairs * 2;
  const int count = c.count[y];
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_bytes_avx2<2>(in + x, stride, w, count, out + x);
  for (; x < bytes; x += 16) {
    const int at = std::min(x, bytes - 16);  // the last ones reach back
    vertical_bytes_avx2<1>(in + at, stride, w, count, out + at);
  }
}

}  // namespace fledge
#endif
