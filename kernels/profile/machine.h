// What the machine can do at most, and clocks that busy neighbours do not spoil.
#pragma once
#include <immintrin.h>
#include <time.h>

#include <algorithm>

namespace fledge::bench {

inline double seconds_of(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
/// One thread: CPU time, which other processes do not touch. More: wall time.
inline double now(int threads) { return seconds_of(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC); }

// Twelve independent chains of multiply-adds: more than latency times pipes of any x86 core.
#define FLEDGE_PEAK(NAME, TARGET, VEC, SET1, FMA, STORE, LANES)                                         \
  __attribute__((target(TARGET))) inline double NAME(long rounds) {                                     \
    VEC a[12];                                                                                          \
    const VEC x = SET1(0.999f), y = SET1(0.001f);                                                       \
    for (int i = 0; i < 12; ++i) a[i] = SET1(1.0f + static_cast<float>(i)); /* or equal chains merge */ \
    for (long i = 0; i < rounds; ++i) {                                                                 \
      _Pragma("GCC unroll 12") for (int j = 0; j < 12; ++j) a[j] = FMA(a[j], x, y);                     \
    }                                                                                                   \
    VEC sum = a[0];                                                                                     \
    _Pragma("GCC unroll 12") for (int j = 1; j < 12; ++j) sum = FMA(a[j], x, sum);                      \
    volatile float sink; /* keeps the loop */                                                           \
    alignas(64) float out[LANES];                                                                       \
    STORE(out, sum);                                                                                    \
    sink = out[0];                                                                                      \
    (void)sink;                                                                                         \
    return 2.0 * LANES * 12 * static_cast<double>(rounds);                                              \
  }
FLEDGE_PEAK(fma_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_store_ps, 16)
FLEDGE_PEAK(fma_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_store_ps, 8)
#undef FLEDGE_PEAK

/// Measured float32 multiply-add peak of one core in flop/s (best of several short runs); 0 without AVX2.
inline double fma_peak() {
  double (*kernel)(long) = nullptr;
  if (__builtin_cpu_supports("avx512f"))
    kernel = &fma_avx512;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    kernel = &fma_avx2;
  if (!kernel) return 0;
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const double start = now(1);
    const double flops = kernel(300'000);
    best = std::max(best, flops / (now(1) - start));
  }
  return best;
}

}  // namespace fledge::bench
