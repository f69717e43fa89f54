// Stand-in for CUDA's header of the same name: bfloat16 as two bytes, rounded to nearest even.
#pragma once
#include "device_code.h"

struct alignas(2) __nv_bfloat16 {
  unsigned short bits;
};

inline float __bfloat162float(__nv_bfloat16 v) { return std::bit_cast<float>(static_cast<unsigned>(v.bits) << 16); }

inline __nv_bfloat16 __float2bfloat16_rn(float v) {
  const unsigned bits = std::bit_cast<unsigned>(v);
  if (v != v) return {0x7fff};  // what the hardware makes of any NaN
  return {static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
inline __nv_bfloat16 __float2bfloat16(float v) { return __float2bfloat16_rn(v); }
