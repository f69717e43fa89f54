#include "io/image/resize_passes.h"

#include <algorithm>
#include <cstring>

#ifdef __x86_64__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12, of what its own AVX-512 header leaves undefined
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#endif

// The plain version is written with the compiler's vectors, so it serves every processor. The others multiply 16-bit
// numbers, of which one instruction takes twice as many as of 32 bits and adds two neighbors at once. So a weight goes in
// as its high and its low half, which are summed apart and put together at the end: no bit is lost.
#define FLEDGE_INLINE inline __attribute__((always_inline))

namespace fledge {
namespace {

typedef std::int32_t Int4 __attribute__((vector_size(16)));
typedef std::uint8_t Byte4 __attribute__((vector_size(4)));

constexpr std::int32_t kHalf = 1 << (kResizePrecision - 1);

FLEDGE_INLINE Int4 load_pixel(const std::uint8_t* p) {
  Byte4 bytes;
  std::memcpy(&bytes, p, 4);
  return __builtin_convertvector(bytes, Int4);
}

FLEDGE_INLINE void store_pixel(std::uint8_t* p, Int4 sum) {
  // Weights are >= 0 and sum to one within rounding, so only the upper bound can
  // be passed, by the rounding of the weights.
  Int4 value = sum >> kResizePrecision;
  const Int4 limit = {255, 255, 255, 255};
  value = value > limit ? limit : value;
  const Byte4 bytes = __builtin_convertvector(value, Byte4);
  std::memcpy(p, &bytes, 4);  // the fourth byte is overwritten by the next pixel
}

template <int Rows>
FLEDGE_INLINE void horizontal_rows(const std::uint8_t* const* in, std::uint8_t* const* out, int out_width,
                                   const ResizeCoefficients& c) {
  for (int x = 0; x < out_width; ++x) {
    const std::int32_t* w = c.weights.data() + static_cast<std::size_t>(x) * c.taps;
    const int n = c.count[x];
    const std::size_t start = static_cast<std::size_t>(c.first[x]) * 3;
    Int4 sum[Rows];
    for (int r = 0; r < Rows; ++r) sum[r] = Int4{kHalf, kHalf, kHalf, kHalf};
    for (int i = 0; i < n; ++i) {
      const Int4 weight = {w[i], w[i], w[i], w[i]};
      for (int r = 0; r < Rows; ++r) sum[r] += load_pixel(in[r] + start + 3 * i) * weight;
    }
    for (int r = 0; r < Rows; ++r) store_pixel(out[r] + 3 * x, sum[r]);
  }
}

FLEDGE_INLINE void horizontal_body(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int out_width,
                                   const ResizeCoefficients& c) {
  int r = 0;
  for (; r + 4 <= rows; r += 4) horizontal_rows<4>(in + r, out + r, out_width, c);
  for (; r < rows; ++r) horizontal_rows<1>(in + r, out + r, out_width, c);
}

template <int Bytes>
FLEDGE_INLINE void vertical_block(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count,
                                  std::uint8_t* out) {
  std::int32_t sum[Bytes];
  for (int j = 0; j < Bytes; ++j) sum[j] = kHalf;
  for (int i = 0; i < count; ++i) {
    const std::uint8_t* row = in + i * stride;
    const std::int32_t w = weights[i];
    for (int j = 0; j < Bytes; ++j) sum[j] += row[j] * w;
  }
  for (int j = 0; j < Bytes; ++j) out[j] = static_cast<std::uint8_t>(std::min(sum[j] >> kResizePrecision, 255));
}

void horizontal_plain(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int width,
                      const ResizeCoefficients& c) {
  horizontal_body(in, out, rows, width, c);
}
void vertical_plain(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y, std::uint8_t* out,
                    int bytes) {
  const std::int32_t* w = c.weights.data() + static_cast<std::size_t>(y) * c.taps;
  const int count = c.count[y];
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_block<32>(in + x, stride, w, count, out + x);
  for (; x < bytes; ++x) vertical_block<1>(in + x, stride, w, count, out + x);
}

#ifdef __x86_64__
// Of 16 bytes, four pixels and a third of the next, two neighbors as 16-bit numbers: red, red, green, green, blue, blue.
#define FLEDGE_PIXELS_0_1 _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
#define FLEDGE_PIXELS_2_3 _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1)

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
    for (int r = 0; r < Registers; ++r) low[r] = _mm256_set1_epi32(kHalf), high[r] = _mm256_setzero_si256();
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
/// 16 bytes at `in` and below it, Registers times. Two rows stand side by side in each register: the words of one row
/// and those of the next in turns.
template <int Registers>
__attribute__((target("avx2"))) void vertical_bytes_avx2(const std::uint8_t* in, std::size_t stride,
                                                         const std::int32_t* w, int count, std::uint8_t* out) {
  __m256i low[2 * Registers], high[2 * Registers];
  for (int r = 0; r < 2 * Registers; ++r) low[r] = _mm256_set1_epi32(kHalf), high[r] = _mm256_setzero_si256();
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
    for (int r = 0; r < Registers; ++r) low[r] = _mm512_set1_epi32(kHalf), high[r] = _mm512_setzero_si512();
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
/// 32 bytes, as the AVX2 version does 16.
FLEDGE_AVX512 void vertical_bytes_avx512(const std::uint8_t* in, std::size_t stride, const std::int32_t* w, int count,
                                         std::uint8_t* out) {
  __m512i low[2] = {_mm512_set1_epi32(kHalf), _mm512_set1_epi32(kHalf)};
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
FLEDGE_AVX512 void vertical_avx512(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y,
                                   std::uint8_t* out, int bytes) {
  if (bytes < 32) return vertical_avx2(in, stride, c, y, out, bytes);
  const std::int32_t* w = c.halves.data() + static_cast<std::size_t>(y) * c.pairs * 2;
  for (int x = 0; x < bytes; x += 32) {
    const int at = std::min(x, bytes - 32);  // the last ones reach back
    vertical_bytes_avx512(in + at, stride, w, c.count[y], out + at);
  }
}
#endif

}  // namespace

std::vector<ResizePasses> all_resize_passes() {
  std::vector<ResizePasses> all = {{"plain", &horizontal_plain, &vertical_plain}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    all.push_back({"avx2", &horizontal_avx2, &vertical_avx2});
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
      all.push_back({"avx512", &horizontal_avx512, &vertical_avx512});
  }
#endif
  return all;
}

const ResizePasses& resize_passes() {
  static const ResizePasses passes = all_resize_passes().back();
  return passes;
}

}  // namespace fledge
