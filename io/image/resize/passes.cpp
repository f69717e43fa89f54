#include "io/image/resize/passes.h"

#include <algorithm>
#include <cstring>

#include "io/image/resize/passes_simd.h"

// Written with the compiler's vectors, so it serves every processor.
#define FLEDGE_INLINE inline __attribute__((always_inline))

namespace fledge {
namespace {

typedef std::int32_t Int4 __attribute__((vector_size(16)));
typedef std::uint8_t Byte4 __attribute__((vector_size(4)));

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
    for (int r = 0; r < Rows; ++r) sum[r] = Int4{kResizeHalf, kResizeHalf, kResizeHalf, kResizeHalf};
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
  for (int j = 0; j < Bytes; ++j) sum[j] = kResizeHalf;
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

}  // namespace

void vertical_plain(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y, std::uint8_t* out,
                    int bytes) {
  const std::int32_t* w = c.weights.data() + static_cast<std::size_t>(y) * c.taps;
  const int count = c.count[y];
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_block<32>(in + x, stride, w, count, out + x);
  for (; x < bytes; ++x) vertical_block<1>(in + x, stride, w, count, out + x);
}

std::vector<ResizePasses> all_resize_passes() {
  std::vector<ResizePasses> all = {{"plain", &horizontal_plain, &vertical_plain}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    all.push_back({"avx2", &horizontal_avx2, &vertical_avx2});
    if (has_avx512_with_vnni()) all.push_back({"avx512", &horizontal_avx512, &vertical_avx512});
  }
#endif
  return all;
}

const ResizePasses& resize_passes() {
  static const ResizePasses passes = all_resize_passes().back();
  return passes;
}

}  // namespace fledge
