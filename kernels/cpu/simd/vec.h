// The vector types of the SIMD files: GCC vectors of FLEDGE_VEC_BYTES, with the few operations that need an intrinsic.
// Everything has internal linkage: a shared inline function would let the linker put AVX-512 code into an AVX2 run.
#pragma once
#include <immintrin.h>

#include <cstdint>

#ifndef FLEDGE_ISA
#error "FLEDGE_ISA and FLEDGE_VEC_BYTES come from kernels/CMakeLists.txt"
#endif

namespace fledge::cpu::FLEDGE_ISA {
namespace {

using V = float __attribute__((vector_size(FLEDGE_VEC_BYTES)));
using VI = std::int32_t __attribute__((vector_size(FLEDGE_VEC_BYTES)));
using D = double __attribute__((vector_size(FLEDGE_VEC_BYTES)));
using VUnaligned = float __attribute__((vector_size(FLEDGE_VEC_BYTES), aligned(4), may_alias));
using VIUnaligned = std::int32_t __attribute__((vector_size(FLEDGE_VEC_BYTES), aligned(4), may_alias));
using DUnaligned = double __attribute__((vector_size(FLEDGE_VEC_BYTES), aligned(8), may_alias));
constexpr int kLanes = FLEDGE_VEC_BYTES / 4;
constexpr int kDoubles = FLEDGE_VEC_BYTES / 8;

#define FLEDGE_INLINE inline __attribute__((always_inline))

#ifdef __clang__  // which takes a type of vectors for aligned all the same, where it stores through one
template <class T>
struct __attribute__((packed, may_alias)) Packed {
  T v;
};
FLEDGE_INLINE V load(const float* p) { return reinterpret_cast<const Packed<V>*>(p)->v; }
FLEDGE_INLINE void store(float* p, V v) { reinterpret_cast<Packed<V>*>(p)->v = v; }
FLEDGE_INLINE VI load(const std::int32_t* p) { return reinterpret_cast<const Packed<VI>*>(p)->v; }
FLEDGE_INLINE void store(std::int32_t* p, VI v) { reinterpret_cast<Packed<VI>*>(p)->v = v; }
FLEDGE_INLINE D load(const double* p) { return reinterpret_cast<const Packed<D>*>(p)->v; }
FLEDGE_INLINE void store(double* p, D v) { reinterpret_cast<Packed<D>*>(p)->v = v; }
#else
FLEDGE_INLINE V load(const float* p) { return *reinterpret_cast<const VUnaligned*>(p); }
FLEDGE_INLINE void store(float* p, V v) { *reinterpret_cast<VUnaligned*>(p) = v; }
FLEDGE_INLINE VI load(const std::int32_t* p) { return *reinterpret_cast<const VIUnaligned*>(p); }
FLEDGE_INLINE void store(std::int32_t* p, VI v) { *reinterpret_cast<VIUnaligned*>(p) = v; }
FLEDGE_INLINE D load(const double* p) { return *reinterpret_cast<const DUnaligned*>(p); }
FLEDGE_INLINE void store(double* p, D v) { *reinterpret_cast<DUnaligned*>(p) = v; }
#endif
FLEDGE_INLINE V as_float(VI v) { return reinterpret_cast<V>(v); }
FLEDGE_INLINE VI as_int(V v) { return reinterpret_cast<VI>(v); }

// max and min return their SECOND argument when either is NaN: write max(bound, x) to let NaN through.
// round_int rounds to nearest even. load_part/store_part touch the first n lanes
// only (0 <= n <= kLanes), the rest reads 0.
#if FLEDGE_VEC_BYTES == 64
FLEDGE_INLINE V set1(float v) { return V(_mm512_set1_ps(v)); }
FLEDGE_INLINE VI set1_int(std::int32_t v) { return VI(_mm512_set1_epi32(v)); }
FLEDGE_INLINE V max(V a, V b) { return V(_mm512_max_ps(__m512(a), __m512(b))); }
FLEDGE_INLINE V min(V a, V b) { return V(_mm512_min_ps(__m512(a), __m512(b))); }
FLEDGE_INLINE V sqrt(V a) { return V(_mm512_sqrt_ps(__m512(a))); }
FLEDGE_INLINE VI round_int(V a) { return VI(_mm512_cvtps_epi32(__m512(a))); }
FLEDGE_INLINE V to_float(VI a) { return V(_mm512_cvtepi32_ps(__m512i(a))); }
FLEDGE_INLINE __mmask16 part_mask(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
FLEDGE_INLINE V load_part(const float* p, std::int64_t n) { return V(_mm512_maskz_loadu_ps(part_mask(n), p)); }
FLEDGE_INLINE void store_part(float* p, V v, std::int64_t n) { _mm512_mask_storeu_ps(p, part_mask(n), __m512(v)); }
FLEDGE_INLINE VI load_part(const std::int32_t* p, std::int64_t n) {
  return VI(_mm512_maskz_loadu_epi32(part_mask(n), p));
}
FLEDGE_INLINE void store_part(std::int32_t* p, VI v, std::int64_t n) {
  _mm512_mask_storeu_epi32(p, part_mask(n), __m512i(v));
}
FLEDGE_INLINE D low_doubles(V v) { return D(_mm512_cvtps_pd(_mm512_castps512_ps256(__m512(v)))); }
FLEDGE_INLINE D high_doubles(V v) { return D(_mm512_cvtps_pd(_mm512_extractf32x8_ps(__m512(v), 1))); }
#elif FLEDGE_VEC_BYTES == 32
FLEDGE_INLINE V set1(float v) { return V(_mm256_set1_ps(v)); }
FLEDGE_INLINE VI set1_int(std::int32_t v) { return VI(_mm256_set1_epi32(v)); }
FLEDGE_INLINE V max(V a, V b) { return V(_mm256_max_ps(__m256(a), __m256(b))); }
FLEDGE_INLINE V min(V a, V b) { return V(_mm256_min_ps(__m256(a), __m256(b))); }
FLEDGE_INLINE V sqrt(V a) { return V(_mm256_sqrt_ps(__m256(a))); }
FLEDGE_INLINE VI round_int(V a) { return VI(_mm256_cvtps_epi32(__m256(a))); }
FLEDGE_INLINE V to_float(VI a) { return V(_mm256_cvtepi32_ps(__m256i(a))); }
FLEDGE_INLINE __m256i part_mask(std::int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FLEDGE_INLINE V load_part(const float* p, std::int64_t n) { return V(_mm256_maskload_ps(p, part_mask(n))); }
FLEDGE_INLINE void store_part(float* p, V v, std::int64_t n) { _mm256_maskstore_ps(p, part_mask(n), __m256(v)); }
FLEDGE_INLINE VI load_part(const std::int32_t* p, std::int64_t n) { return VI(_mm256_maskload_epi32(p, part_mask(n))); }
FLEDGE_INLINE void store_part(std::int32_t* p, VI v, std::int64_t n) {
  _mm256_maskstore_epi32(p, part_mask(n), __m256i(v));
}
FLEDGE_INLINE D low_doubles(V v) { return D(_mm256_cvtps_pd(_mm256_castps256_ps128(__m256(v)))); }
FLEDGE_INLINE D high_doubles(V v) { return D(_mm256_cvtps_pd(_mm256_extractf128_ps(__m256(v), 1))); }
#else
FLEDGE_INLINE V set1(float v) { return V(_mm_set1_ps(v)); }
FLEDGE_INLINE VI set1_int(std::int32_t v) { return VI(_mm_set1_epi32(v)); }
FLEDGE_INLINE V max(V a, V b) { return V(_mm_max_ps(__m128(a), __m128(b))); }
FLEDGE_INLINE V min(V a, V b) { return V(_mm_min_ps(__m128(a), __m128(b))); }
FLEDGE_INLINE V sqrt(V a) { return V(_mm_sqrt_ps(__m128(a))); }
FLEDGE_INLINE VI round_int(V a) { return VI(_mm_cvtps_epi32(__m128(a))); }
FLEDGE_INLINE V to_float(VI a) { return V(_mm_cvtepi32_ps(__m128i(a))); }
FLEDGE_INLINE V load_part(const float* p, std::int64_t n) {
  V v = {};
  for (std::int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
FLEDGE_INLINE void store_part(float* p, V v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) p[i] = v[i];
}
FLEDGE_INLINE VI load_part(const std::int32_t* p, std::int64_t n) {
  VI v = {};
  for (std::int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
FLEDGE_INLINE void store_part(std::int32_t* p, VI v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) p[i] = v[i];
}
FLEDGE_INLINE D low_doubles(V v) { return D(_mm_cvtps_pd(__m128(v))); }
FLEDGE_INLINE D high_doubles(V v) { return D(_mm_cvtps_pd(_mm_movehl_ps(__m128(v), __m128(v)))); }
#endif

/// a*b + c; contracted to one instruction where the instruction set has it.
FLEDGE_INLINE V fma(V a, V b, V c) { return a * b + c; }
/// Lanes of `a` where the mask is all ones, of `b` elsewhere.
// The first n of kLanes values, all where n is that: a store with a mask takes some 20 cycles on Zen 3.
FLEDGE_INLINE V get(const float* p, std::int64_t n) { return n == kLanes ? load(p) : load_part(p, n); }
FLEDGE_INLINE VI get(const std::int32_t* p, std::int64_t n) { return n == kLanes ? load(p) : load_part(p, n); }
FLEDGE_INLINE void put(float* p, V v, std::int64_t n) { n == kLanes ? store(p, v) : store_part(p, v, n); }
FLEDGE_INLINE void put(std::int32_t* p, VI v, std::int64_t n) { n == kLanes ? store(p, v) : store_part(p, v, n); }
FLEDGE_INLINE V select(VI mask, V a, V b) { return mask ? a : b; }
FLEDGE_INLINE VI select(VI mask, VI a, VI b) { return mask ? a : b; }
/// Keeps `a` where the mask is all ones, zero elsewhere.
FLEDGE_INLINE V keep(VI mask, V a) { return mask ? a : V{}; }
FLEDGE_INLINE V abs(V a) { return as_float(as_int(a) & 0x7fffffff); }
FLEDGE_INLINE V clamp(V lo, V hi, V x) { return min(hi, max(lo, x)); }

/// Sum of the lanes, in double.
FLEDGE_INLINE double sum(V v) {
  const D d = low_doubles(v) + high_doubles(v);
  double s = 0;
  for (int i = 0; i < kDoubles; ++i) s += d[i];
  return s;
}
FLEDGE_INLINE double sum(D d) {
  double s = 0;
  for (int i = 0; i < kDoubles; ++i) s += d[i];
  return s;
}
/// to[i] += from[i], widened.
FLEDGE_INLINE void add_to_doubles(double* to, V v) {
  store(to, load(to) + low_doubles(v));
  store(to + kDoubles, load(to + kDoubles) + high_doubles(v));
}

}  // namespace
}  // namespace fledge::cpu::FLEDGE_ISA
