// Inner loops of the pairwise distances. Squared differences are summed in double: |a|^2 + |b|^2 - 2ab in float would
// lose near duplicates, and the matrices are small.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

void distance_4x4(const double* a, const double* b, std::int64_t ld, double* out) {
  for (int i0 = 0; i0 < 4; i0 += 2) {  // 2 x 4 accumulators at a time fit the sixteen registers of the older sets
    const double *a0 = a + i0 * ld, *a1 = a0 + ld;
    D sums[2][4] = {};
    for (std::int64_t k = 0; k < ld; k += kDoubles) {
      const D x0 = load(a0 + k), x1 = load(a1 + k);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const D y = load(b + j * ld + k), d0 = x0 - y, d1 = x1 - y;
        sums[0][j] += d0 * d0;
        sums[1][j] += d1 * d1;
      }
    }
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j) out[4 * (i0 + i) + j] = sum(sums[i][j]);
  }
}

void weighted_differences(const float* g, const float* a, const float* b, float* da, std::int64_t rows,
                          std::int64_t c) {
  std::int64_t k = 0;
  for (; k + 4 * kLanes <= c; k += 4 * kLanes) {
    const V a0 = load(a + k), a1 = load(a + k + kLanes), a2 = load(a + k + 2 * kLanes), a3 = load(a + k + 3 * kLanes);
    V s0 = {}, s1 = {}, s2 = {}, s3 = {};
    for (std::int64_t j = 0; j < rows; ++j) {
      const float* row = b + j * c + k;
      const V w = set1(g[j]);
      s0 = fma(w, a0 - load(row), s0);
      s1 = fma(w, a1 - load(row + kLanes), s1);
      s2 = fma(w, a2 - load(row + 2 * kLanes), s2);
      s3 = fma(w, a3 - load(row + 3 * kLanes), s3);
    }
    store(da + k, s0);
    store(da + k + kLanes, s1);
    store(da + k + 2 * kLanes, s2);
    store(da + k + 3 * kLanes, s3);
  }
  for (; k < c; k += kLanes) {
    const std::int64_t n = c - k < kLanes ? c - k : kLanes;
    const V a0 = load_part(a + k, n);
    V s = {};
    for (std::int64_t j = 0; j < rows; ++j) s = fma(set1(g[j]), a0 - load_part(b + j * c + k, n), s);
    store_part(da + k, s, n);
  }
}

}  // namespace

void fill_distance(SimdTable& t) {
  t.distance_4x4 = &distance_4x4;
  t.weighted_differences = &weighted_differences;
}

}  // namespace fledge::cpu::FLEDGE_ISA
