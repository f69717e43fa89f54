// Element types. Every type exists here from the start; a backend says which of them it computes in.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fledge {

enum class DType : std::uint8_t { Float32, Float64, BFloat16, Int32, Int64, UInt8 };

/// Storage-only bfloat16: the upper half of a float32, rounded to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;
};

constexpr std::size_t size_of(DType t) {
  switch (t) {
    case DType::Float32:
      return 4;
    case DType::Float64:
      return 8;
    case DType::BFloat16:
      return 2;
    case DType::Int32:
      return 4;
    case DType::Int64:
      return 8;
    case DType::UInt8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType t) {
  switch (t) {
    case DType::Float32:
      return "float32";
    case DType::Float64:
      return "float64";
    case DType::BFloat16:
      return "bfloat16";
    case DType::Int32:
      return "int32";
    case DType::Int64:
      return "int64";
    case DType::UInt8:
      return "uint8";
  }
  return "?";
}

/// What statistics, sums and parameters of activations in `t` are kept in.
constexpr DType accumulated(DType t) { return t == DType::BFloat16 ? DType::Float32 : t; }

constexpr bool is_floating(DType t) { return t == DType::Float32 || t == DType::Float64 || t == DType::BFloat16; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::Float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::Float64;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::BFloat16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::Int32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::Int64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::UInt8;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace fledge
