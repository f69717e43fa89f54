// One element from any dtype to any other, with the rules of kernels/ref/cast.h: float to integer truncates, saturates
// and turns NaN into 0; to bfloat16 rounds to nearest even, also from double. For the host too: fills cast their value.
#pragma once
#include <bit>
#include <limits>
#include <type_traits>

#include "kernels/api/dtype.h"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

/// V: float, or double, whose digits beyond float break the tie where float has the midpoint of two bfloat16.
template <class V>
__host__ __device__ inline BFloat16 to_bfloat16(V v) {
  const float f = static_cast<float>(v);
  const auto bits = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};  // NaN
  if (magnitude == 0x7f800000u) return {static_cast<std::uint16_t>(bits >> 16)};
  std::uint32_t round = 0x7fffu + ((bits >> 16) & 1u);
  if constexpr (std::is_same_v<V, double>) {
    const double rounded = f;
    if ((bits & 0xffffu) == 0x8000u && rounded != v)
      round = (v < 0 ? -v : v) > (rounded < 0 ? -rounded : rounded) ? 0x8000u : 0x7fffu;
  }
  return {static_cast<std::uint16_t>((bits + round) >> 16)};
}

template <class To, class From>
__host__ __device__ inline To cast(From v) {
  if constexpr (std::is_same_v<From, To>) {
    return v;
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return cast<To>(widen(v));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    if constexpr (std::is_same_v<From, float> || std::is_same_v<From, std::uint8_t>)
      return to_bfloat16(static_cast<float>(v));
    else
      return to_bfloat16(static_cast<double>(v));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr To kLeast = std::numeric_limits<To>::min(), kMost = std::numeric_limits<To>::max();
    if (v != v) return 0;
    // The bounds are 0 and powers of two, hence exact in every floating type; max itself may not be.
    if (v <= static_cast<From>(kLeast)) return kLeast;
    if (v >= From(2) * static_cast<From>(std::uint64_t{1} << (std::numeric_limits<To>::digits - 1))) return kMost;
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

/// Calls f(From{}, To{}). Equal dtypes are copied as words of their size, whose kernels they share.
template <class F>
void with_types(DType from, DType to, F&& f) {
  if (from != to)
    return with_type(from, [&](auto from_type) {
      with_type(to, [&](auto to_type) {
        if constexpr (!std::is_same_v<decltype(from_type), decltype(to_type)>) f(from_type, to_type);
      });
    });
  switch (size_of(from)) {
    case 1:
      return f(std::uint8_t{}, std::uint8_t{});
    case 2:
      return f(BFloat16{}, BFloat16{});
    case 4:
      return f(std::int32_t{}, std::int32_t{});
    case 8:
      return f(std::int64_t{}, std::int64_t{});
  }
}

}  // namespace fledge::cuda
