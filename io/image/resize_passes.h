// The two passes of a resampling: rows first, then columns, each rounded to 8
// bits. Chosen once for the CPU (AVX2 or plain).
#pragma once
#include <cstddef>
#include <cstdint>

#include "io/image/resize_coefficients.h"

namespace fledge {

/// One to four rows at a time: out row r, pixel x = sum of weights over in row r. `in` rows must be readable one byte
/// beyond their last pixel, `out` rows writable one byte beyond theirs.
using HorizontalPass = void (*)(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int out_width,
                                const ResizeCoefficients& coefficients);
/// One output row of `bytes` bytes: sum over `count` input rows, `stride` apart.
using VerticalPass = void (*)(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count,
                              std::uint8_t* out, int bytes);

struct ResizePasses {
  HorizontalPass horizontal;
  VerticalPass vertical;
};
const ResizePasses& resize_passes();
/// The version without AVX2, for tests.
const ResizePasses& plain_resize_passes();

}  // namespace fledge
