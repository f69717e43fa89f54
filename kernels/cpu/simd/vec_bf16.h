// Vectors of float32 from and to bfloat16 in memory.
#pragma once
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

using VU = std::uint32_t __attribute__((vector_size(FLEDGE_VEC_BYTES)));

#if FLEDGE_VEC_BYTES == 64
FLEDGE_INLINE V load(const std::uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return V(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)));
}
FLEDGE_INLINE void store_low_halves(std::uint16_t* p, VU v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(__m512i(v)));
}
#elif FLEDGE_VEC_BYTES == 32
FLEDGE_INLINE V load(const std::uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return V(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)));
}
FLEDGE_INLINE void store_low_halves(std::uint16_t* p, VU v) {
  const __m256i packed = _mm256_packus_epi32(__m256i(v), __m256i(v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}
#else
FLEDGE_INLINE V load(const std::uint16_t* p) {
  const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return V(_mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(bits), 16)));
}
FLEDGE_INLINE void store_low_halves(std::uint16_t* p, VU v) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(__m128i(v), __m128i(v)));
}
#endif

/// Rounds to nearest, ties to even; NaN stays NaN.
FLEDGE_INLINE void store(std::uint16_t* p, V v) {
  const VU bits = reinterpret_cast<VU>(v), high = bits >> 16;
  const VU rounded = (bits + 0x7fffu + (high & 1u)) >> 16;
  store_low_halves(p, (v != v) ? (high | 0x40u) : rounded);
}

/// The first n lanes; the rest reads 0.
FLEDGE_INLINE V load_part(const std::uint16_t* p, std::int64_t n) {
  std::uint16_t bits[kLanes] = {};
  for (std::int64_t i = 0; i < n; ++i) bits[i] = p[i];
  return load(bits);
}
FLEDGE_INLINE void store_part(std::uint16_t* p, V v, std::int64_t n) {
  std::uint16_t bits[kLanes];
  store(bits, v);
  for (std::int64_t i = 0; i < n; ++i) p[i] = bits[i];
}

}  // namespace
}  // namespace fledge::cpu::FLEDGE_ISA
