// Element types. Every type exists here from the start; a backend says which of them it computes in.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fledge {

enum class DType : std::uint8_t { Float32, Float64, BFloat16, Int32, Int64, UInt8 };

/// Storage-only bfloat16: the upper half of a float32, rounded to nearest even.
struct BFloat16 {
  std::uint16_t bits = 0;
};

constexpr float widen(BFloat16 v) { return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits) << 16); }

/// What there is to say of each element type, in the order of DType.
struct DTypeFacts {
  std::size_t size;    // bytes
  const char* name;    // as messages and files call it
  const char* suffix;  // behind a shape in a profile; nothing for the commonest
  bool floating;
};
inline constexpr DTypeFacts kDTypes[] = {
    {4, "float32", "", true},    {8, "float64", ":f64", true}, {2, "bfloat16", ":bf16", true},
    {4, "int32", ":i32", false}, {8, "int64", ":i64", false},  {1, "uint8", ":u8", false},
};

constexpr const DTypeFacts& facts_of(DType t) { return kDTypes[static_cast<std::size_t>(t)]; }
constexpr std::size_t size_of(DType t) { return facts_of(t).size; }
constexpr const char* name_of(DType t) { return facts_of(t).name; }
constexpr bool is_floating(DType t) { return facts_of(t).floating; }

/// What statistics, sums and parameters of activations in `t` are kept in.
constexpr DType accumulated(DType t) { return t == DType::BFloat16 ? DType::Float32 : t; }

/// Calls f(T{}) with the C++ type of a dtype.
template <class F>
constexpr void with_type(DType t, F&& f) {
  switch (t) {
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    case DType::BFloat16:
      return f(BFloat16{});
    case DType::Int32:
      return f(std::int32_t{});
    case DType::Int64:
      return f(std::int64_t{});
    case DType::UInt8:
      return f(std::uint8_t{});
  }
}

/// The dtype of a C++ type; others do not compile.
template <class T>
inline constexpr DType dtype_of = T::has_no_dtype;
template <>
inline constexpr DType dtype_of<float> = DType::Float32;
template <>
inline constexpr DType dtype_of<double> = DType::Float64;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::BFloat16;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::Int32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::Int64;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::UInt8;

}  // namespace fledge
