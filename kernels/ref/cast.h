// One element from any dtype to any other.
#pragma once
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/api/dtype.h"

namespace fledge::ref {

/// Round to nearest, ties to even; infinities stay, a NaN stays a (quiet) NaN.
inline BFloat16 to_bfloat16(double v) {
  float f = static_cast<float>(v);
  const auto bits = std::bit_cast<std::uint32_t>(f);
  if (std::isnan(f)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  if (std::isinf(f)) return {static_cast<std::uint16_t>(bits >> 16)};
  std::uint32_t round = 0x7fffu + ((bits >> 16) & 1u);
  // A double may have been rounded to exactly the midpoint of two bfloat16: then its discarded part breaks the tie.
  if ((bits & 0xffffu) == 0x8000u && static_cast<double>(f) != v)
    round = std::fabs(v) > std::fabs(f) ? 0x8000u : 0x7fffu;
  return {static_cast<std::uint16_t>((bits + round) >> 16)};
}

/// Float to integer truncates towards zero, saturates at the integer's range, and turns NaN into 0.
template <class To, class From>
To cast(From v) {
  if constexpr (std::is_same_v<From, To>) {
    return v;
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return cast<To>(widen(v));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<double>(v));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(v)) return 0;
    const From truncated = std::trunc(v);
    // -min is a power of two, hence exact in every floating type; max itself may not be.
    if (truncated <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (truncated >= std::ldexp(From(1), std::numeric_limits<To>::digits)) return std::numeric_limits<To>::max();
    return static_cast<To>(truncated);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace fledge::ref
