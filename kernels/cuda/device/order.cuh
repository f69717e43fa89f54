// Floats as integers of the same order, joined with their column: one comparison decides by value and then by column.
#pragma once
#include <bit>

#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

/// Larger for what comes first: the largest (or smallest) value, ties by column, NaN behind everything. Never 0.
__device__ inline std::uint64_t order_key(float v, std::uint32_t column, bool largest) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  std::uint32_t rank = 0;
  if (v == v) {
    rank = v == 0 ? 0x80000000u : (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;  // -0 ties with 0
    if (!largest) rank = ~rank;
  }
  return (static_cast<std::uint64_t>(rank) << 32) | static_cast<std::uint32_t>(~column);
}

__device__ inline std::int64_t column_of(std::uint64_t key) { return static_cast<std::uint32_t>(~key); }

}  // namespace fledge::cuda
