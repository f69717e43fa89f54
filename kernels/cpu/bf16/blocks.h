// bfloat16 in memory, float32 in the arithmetic: a block is widened into memory that stays in a cache, the float32
// kernel runs there, and its result is narrowed. Half the traffic with the loops that float32 has.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/api/tensor_view.h"
#include "kernels/cpu/isa.h"

namespace fledge::cpu::bf16 {

inline void widen(const std::uint16_t* from, float* to, std::int64_t n) { simd().bf16_to_float(from, to, n); }
/// Rounds to nearest, ties to even; NaN stays NaN.
inline void narrow(const float* from, std::uint16_t* to, std::int64_t n) { simd().float_to_bf16(from, to, n); }

/// Floats of a block that is looked at once: three of them fit into the first-level cache.
inline constexpr std::int64_t kBlockFloats = 2048;

/// A thread's memory, at least n floats. The next call gives the same memory.
inline float* thread_floats(std::int64_t n) {
  thread_local std::vector<float> floats;
  if (floats.size() < static_cast<std::size_t>(n)) floats.resize(static_cast<std::size_t>(n));
  return floats.data();
}

/// f(first, n) for blocks of the rows [begin, end), from the last block to the first where `backwards`.
template <class F>
void for_row_blocks(std::int64_t begin, std::int64_t end, std::int64_t rows, bool backwards, F&& f) {
  if (backwards)
    for (std::int64_t stop = end; stop > begin; stop -= std::min(rows, stop - begin))
      f(std::max(begin, stop - rows), stop - std::max(begin, stop - rows));
  else
    for (std::int64_t first = begin; first < end; first += rows) f(first, std::min(rows, end - first));
}

}  // namespace fledge::cpu::bf16
