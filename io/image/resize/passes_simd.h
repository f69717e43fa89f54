// The passes of a resampling in the instructions of one processor. They multiply 16-bit numbers, so one instruction
// takes twice as many as of 32 bits and adds two neighbors at once. So a weight goes in as its high and its low half,
// which are summed apart and put together at the end: no bit is lost. Private to io/image.
#pragma once
#include "io/image/resize/passes.h"

namespace fledge {

constexpr std::int32_t kResizeHalf = 1 << (kResizePrecision - 1);  // what rounds a sum

void vertical_plain(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y, std::uint8_t* out,
                    int bytes);
#ifdef __x86_64__
/// Only where the processor and the system have these instructions.
void horizontal_avx2(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int width,
                     const ResizeCoefficients& c);
void vertical_avx2(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y, std::uint8_t* out,
                   int bytes);
bool has_avx512_with_vnni();
void horizontal_avx512(const std::uint8_t* const* in, std::uint8_t* const* out, int rows, int width,
                       const ResizeCoefficients& c);
void vertical_avx512(const std::uint8_t* in, std::size_t stride, const ResizeCoefficients& c, int y, std::uint8_t* out,
                     int bytes);

// Of 16 bytes, four pixels and more, two neighbors as 16-bit numbers: red, red, green, green, blue, blue.
#define FLEDGE_PIXELS_0_1 _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
#define FLEDGE_PIXELS_2_3 _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1)
#endif

}  // namespace fledge
