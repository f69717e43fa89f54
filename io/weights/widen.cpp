#include "io/weights/widen.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace fledge {
namespace {

float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h} >> 15 << 31, exponent = h >> 10 & 31u, mantissa = h & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal: exact in float
  return sign ? -magnitude : magnitude;
}

template <class From, class To, class Convert>
char* convert_all(const char* bytes, std::size_t size, char* to, Convert convert) {
  for (std::size_t at = 0; at < size; at += sizeof(From), to += sizeof(To)) {
    From from;
    std::memcpy(&from, bytes + at, sizeof from);
    const To value = convert(from);
    std::memcpy(to, &value, sizeof value);
  }
  return to;
}

template <class From, class To>
char* widen_to(const char* bytes, std::size_t size, char* to) {
  return convert_all<From, To>(bytes, size, to, [](From v) { return static_cast<To>(v); });
}

}  // namespace

char* widen(ElementType type, const char* bytes, std::size_t size, char* to) {
  switch (type) {
    case ElementType::F16:
      return convert_all<std::uint16_t, float>(bytes, size, to, half_to_float);
    case ElementType::I16:
      return widen_to<std::int16_t, std::int32_t>(bytes, size, to);
    case ElementType::I8:
      return widen_to<std::int8_t, std::int32_t>(bytes, size, to);
    case ElementType::U16:
      return widen_to<std::uint16_t, std::int32_t>(bytes, size, to);
    case ElementType::U32:
      return widen_to<std::uint32_t, std::int64_t>(bytes, size, to);
    default:
      std::memcpy(to, bytes, size);
      return to + size;
  }
}

}  // namespace fledge
