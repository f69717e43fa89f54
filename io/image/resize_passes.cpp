#include "io/image/resize_passes.h"

#include <algorithm>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

// The plain version is written with the compiler's vectors, so it serves every processor. AVX2 multiplies 32-bit
// integers in one instruction: the vertical pass is the same text compiled for it, the horizontal one is written out.
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
  if (rows == 4) return horizontal_rows<4>(in, out, out_width, c);
  for (int r = 0; r < rows; ++r) horizontal_rows<1>(in + r, out + r, out_width, c);
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

FLEDGE_INLINE void vertical_body(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count,
                                 std::uint8_t* out, int bytes) {
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_block<32>(in + x, stride, weights, count, out + x);
  for (; x < bytes; ++x) vertical_block<1>(in + x, stride, weights, count, out + x);
}

void horizontal_plain(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int width,
                      const ResizeCoefficients& c) {
  horizontal_body(in, out, rows, width, c);
}
void vertical_plain(const std::uint8_t* in, std::size_t stride, const std::int32_t* w, int count, std::uint8_t* out,
                    int bytes) {
  vertical_body(in, stride, w, count, out, bytes);
}

#ifdef __x86_64__
// The compiler's own code for four bytes to four integers and back takes several instructions; these are one or two.
template <int Rows>
__attribute__((target("avx2"))) void horizontal_rows_avx2(const std::uint8_t* const* in, std::uint8_t* const* out,
                                                          int out_width, const ResizeCoefficients& c) {
  for (int x = 0; x < out_width; ++x) {
    const std::int32_t* w = c.weights.data() + static_cast<std::size_t>(x) * c.taps;
    const int n = c.count[x];
    const std::size_t start = static_cast<std::size_t>(c.first[x]) * 3;
    __m128i sum[Rows];
    for (int r = 0; r < Rows; ++r) sum[r] = _mm_set1_epi32(kHalf);
    for (int i = 0; i < n; ++i) {
      const __m128i weight = _mm_set1_epi32(w[i]);
      for (int r = 0; r < Rows; ++r) {
        const __m128i pixel = _mm_cvtepu8_epi32(_mm_loadu_si32(in[r] + start + 3 * i));
        sum[r] = _mm_add_epi32(sum[r], _mm_mullo_epi32(pixel, weight));
      }
    }
    for (int r = 0; r < Rows; ++r) {
      const __m128i value = _mm_srai_epi32(sum[r], kResizePrecision);
      const __m128i words = _mm_packus_epi32(value, value);
      _mm_storeu_si32(out[r] + 3 * x, _mm_packus_epi16(words, words));
    }
  }
}
__attribute__((target("avx2"))) void horizontal_avx2(const std::uint8_t* const* in, std::uint8_t* const* out, int rows,
                                                     int width, const ResizeCoefficients& c) {
  if (rows == 4) return horizontal_rows_avx2<4>(in, out, width, c);
  for (int r = 0; r < rows; ++r) horizontal_rows_avx2<1>(in + r, out + r, width, c);
}
__attribute__((target("avx2"))) void vertical_avx2(const std::uint8_t* in, std::size_t stride, const std::int32_t* w,
                                                   int count, std::uint8_t* out, int bytes) {
  vertical_body(in, stride, w, count, out, bytes);
}
#endif

}  // namespace

const ResizePasses& plain_resize_passes() {
  static const ResizePasses passes{&horizontal_plain, &vertical_plain};
  return passes;
}

const ResizePasses& resize_passes() {
#ifdef __x86_64__
  static const ResizePasses passes =
      __builtin_cpu_supports("avx2") ? ResizePasses{&horizontal_avx2, &vertical_avx2} : plain_resize_passes();
  return passes;
#else
  return plain_resize_passes();
#endif
}

}  // namespace fledge
