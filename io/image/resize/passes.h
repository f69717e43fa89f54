// The two passes of a resampling: rows first, then columns, each rounded to 8
// bits. Chosen once for the CPU (AVX-512 with VNNI, AVX2, or plain); all give the same bytes, as all count in integers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/image/resize/coefficients.h"

namespace fledge {

constexpr int kRowsAtOnce = 8;           // of a horizontal pass
constexpr std::size_t kReadBeyond = 16;  // bytes that it may read behind a row's last pixel, and drops
constexpr std::size_t kWriteBeyond = 1;  // and write behind one

/// One to kRowsAtOnce rows at a time: out row r, pixel x = sum of weights over in row r; `coefficients` are paired.
using HorizontalPass = void (*)(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int out_width,
                                const ResizeCoefficients& coefficients);
/// Output row y of `bytes` bytes: sum of its weights over input rows `stride` apart, of which `in` is the first that it
/// needs; `coefficients` are paired.
using VerticalPass = void (*)(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& coefficients, int y,
                              std::uint8_t* out, int bytes);

struct ResizePasses {
  const char* name;
  HorizontalPass horizontal;
  VerticalPass vertical;
};
const ResizePasses& resize_passes();
/// All that this CPU can run, the plain one first, for tests.
std::vector<ResizePasses> all_resize_passes();

}  // namespace fledge
