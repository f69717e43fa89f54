// The blocks of sums that product.cpp, product_fused.cpp and quantized.cpp keep in registers.
#pragma once
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr int kPanel = 2 * kLanes;
constexpr int kRows = FLEDGE_VEC_BYTES == 64 ? 14 : 6;

/// one<R>() for the R rows that are left.
template <int R, class One>
FLEDGE_INLINE void rest(std::int64_t rows, One one) {
  if (rows == R) return one.template operator()<R>();
  if constexpr (R > 1) rest<R - 1>(rows, one);
}

/// Blocks of rows fetch the next panel of weights, each a share of it: so many floats at each of its steps.
FLEDGE_INLINE std::int64_t fetch_step(std::int64_t rows) {
  const std::int64_t blocks = (rows + kRows - 1) / kRows;
  return blocks < kPanel ? kPanel / blocks : 1;
}

}  // namespace
}  // namespace fledge::cpu::FLEDGE_ISA
