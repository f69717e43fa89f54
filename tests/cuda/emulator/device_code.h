// What device code sees: qualifiers, vector types, thread coordinates, barriers, warp functions, atomics, arithmetic.
#pragma once
#include <math.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
// Blocks run one after another, and one kernel at a time: one copy is enough. Never read what another block left.
#define __shared__ static
#define __constant__ static

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};

#define FLEDGE_EMULATED_VECTORS(T, name)                     \
  struct alignas(2 * sizeof(T)) name##2 {                    \
    T x, y;                                                  \
  };                                                         \
  struct alignas(16) name##4 {                               \
    T x, y, z, w;                                            \
  };                                                         \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; } \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
FLEDGE_EMULATED_VECTORS(float, float)
FLEDGE_EMULATED_VECTORS(int, int)
FLEDGE_EMULATED_VECTORS(unsigned, uint)
#undef FLEDGE_EMULATED_VECTORS
struct alignas(16) double2 {
  double x, y;
};
inline double2 make_double2(double x, double y) { return {x, y}; }

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace emulator {

using Where = std::source_location;

void barrier(const Where&);

struct WarpAnswer {
  std::uint64_t value;  // of the source lane
  unsigned ballot;      // lanes of the mask whose vote was true
};
/// Waits for all lanes of the mask, which must call it from the same line.
WarpAnswer warp_exchange(unsigned mask, std::uint64_t value, int source_lane, bool vote, const Where&);
int lane();

template <class T>
T shuffle(unsigned mask, T v, int source_lane, const Where& where) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof(T));
  bits = warp_exchange(mask, bits, source_lane, false, where).value;
  std::memcpy(&v, &bits, sizeof(T));
  return v;
}

}  // namespace emulator

inline void __syncthreads(emulator::Where where = emulator::Where::current()) { emulator::barrier(where); }
inline void __syncwarp(unsigned mask = 0xffffffffu, emulator::Where where = emulator::Where::current()) {
  emulator::warp_exchange(mask, 0, emulator::lane(), false, where);
}
inline void __threadfence() {}

template <class T>
T __shfl_sync(unsigned mask, T v, int source, int width = warpSize,
              emulator::Where where = emulator::Where::current()) {
  return emulator::shuffle(mask, v, (emulator::lane() & ~(width - 1)) | (source & (width - 1)), where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = warpSize,
                 emulator::Where where = emulator::Where::current()) {
  const int lane = emulator::lane(), from = lane - static_cast<int>(delta);
  return emulator::shuffle(mask, v, from < (lane & ~(width - 1)) ? lane : from, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = warpSize,
                   emulator::Where where = emulator::Where::current()) {
  const int lane = emulator::lane(), from = lane + static_cast<int>(delta);
  return emulator::shuffle(mask, v, from > (lane | (width - 1)) ? lane : from, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = warpSize,
                  emulator::Where where = emulator::Where::current()) {
  const int lane = emulator::lane(), from = lane ^ lanes;
  return emulator::shuffle(mask, v, from > (lane | (width - 1)) ? lane : from, where);
}
inline unsigned __ballot_sync(unsigned mask, int vote, emulator::Where where = emulator::Where::current()) {
  return emulator::warp_exchange(mask, 0, emulator::lane(), vote != 0, where).ballot;
}
inline int __any_sync(unsigned mask, int vote, emulator::Where where = emulator::Where::current()) {
  return __ballot_sync(mask, vote, where) != 0;
}
inline int __all_sync(unsigned mask, int vote, emulator::Where where = emulator::Where::current()) {
  return __ballot_sync(mask, vote, where) == mask;
}

// Threads of a block take turns and never interrupt each other.
template <class T>
T atomicAdd(T* p, std::type_identity_t<T> v) {
  const T old = *p;
  *p = static_cast<T>(old + v);
  return old;
}
template <class T>
T atomicMax(T* p, std::type_identity_t<T> v) {
  const T old = *p;
  *p = std::max(old, v);
  return old;
}
template <class T>
T atomicMin(T* p, std::type_identity_t<T> v) {
  const T old = *p;
  *p = std::min(old, v);
  return old;
}
template <class T>
T atomicOr(T* p, std::type_identity_t<T> v) {
  const T old = *p;
  *p = old | v;
  return old;
}

template <class T>
T __ldg(const T* p) {
  return *p;
}

using std::isfinite, std::isinf, std::isnan;
#define FLEDGE_EMULATED_MIN_MAX(T)                    \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
FLEDGE_EMULATED_MIN_MAX(int)
FLEDGE_EMULATED_MIN_MAX(unsigned)
FLEDGE_EMULATED_MIN_MAX(long)
FLEDGE_EMULATED_MIN_MAX(unsigned long)
FLEDGE_EMULATED_MIN_MAX(long long)
FLEDGE_EMULATED_MIN_MAX(unsigned long long)
#undef FLEDGE_EMULATED_MIN_MAX
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline int __popc(unsigned v) { return std::popcount(v); }
inline int __clz(int v) { return std::countl_zero(static_cast<unsigned>(v)); }
inline int __ffs(int v) { return v == 0 ? 0 : std::countr_zero(static_cast<unsigned>(v)) + 1; }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
inline int __float_as_int(float v) { return std::bit_cast<int>(v); }
inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline float __int_as_float(int v) { return std::bit_cast<float>(v); }
inline float __uint_as_float(unsigned v) { return std::bit_cast<float>(v); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
