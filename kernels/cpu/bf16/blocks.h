// bfloat16 in memory, float32 in the arithmetic: a block is widened into memory that stays in a cache, the float32
// kernel runs there, and its result is narrowed. Half the traffic with the loops that float32 has.
#pragma once
#include <cstdint>

#include "kernels/api/tensor_view.h"
#include "kernels/cpu/isa.h"

namespace fledge::cpu::bf16 {

inline void widen(const std::uint16_t* from, float* to, std::int64_t n) { simd().bf16_to_float(from, to, n); }
/// Rounds to nearest, ties to even; NaN stays NaN.
inline void narrow(const float* from, std::uint16_t* to, std::int64_t n) { simd().float_to_bf16(from, to, n); }

/// Floats of a block that is looked at once: three of them fit into the first-level cache.
inline constexpr std::int64_t kRunFloats = 2048;

}  // namespace fledge::cpu::bf16
