// The passes of batch norm (norm.cpp) over bfloat16: half the memory to wait for.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec_bf16.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

using Bits = std::uint16_t;
constexpr std::int64_t kRun = 128;  // rows summed in float before they go to double

template <class T>
FLEDGE_INLINE V get(const T* p, std::int64_t n) {
  return n == kLanes ? load(p) : load_part(p, n);
}
template <class T>
FLEDGE_INLINE void put(T* p, V v, std::int64_t n) {
  n == kLanes ? store(p, v) : store_part(p, v, n);
}

/// Calls f(k, n) for every slice of columns: full vectors first (n is then a constant), the rest last.
template <class F>
FLEDGE_INLINE void for_columns(std::int64_t c, F f) {
  std::int64_t k = 0;
  for (; k + kLanes <= c; k += kLanes) f(k, std::int64_t{kLanes});
  if (k < c) f(k, c - k);
}

/// f(row, count) for blocks of four rows and single ones; the two rows of float sums in `scratch` go to double after
/// each run of rows.
template <class F>
FLEDGE_INLINE void sum_runs(std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch, double* sum1,
                            double* sum2, F f) {
  for (std::int64_t k = 0; k < 2 * c; ++k) scratch[k] = 0;
  for (std::int64_t from = begin; from < end; from += kRun) {
    const std::int64_t to = from + kRun < end ? from + kRun : end;
    f(from, to);
    for (std::int64_t k = 0; k < c; ++k) {
      sum1[k] += scratch[k];
      sum2[k] += scratch[c + k];
      scratch[k] = scratch[c + k] = 0;
    }
  }
}

template <int ROWS>
void add_moments(const Bits* x, const float* shift, std::int64_t c, float* sums) {
  for_columns(
      c, [=](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
        const V center = get(shift + k, n);
        V s1 = get(sums + k, n), s2 = get(sums + c + k, n);
#pragma GCC unroll 4
        for (int i = 0; i < ROWS; ++i) {
          const V d = get(x + i * c + k, n) - center;
          s1 += d;
          s2 = fma(d, d, s2);
        }
        put(sums + k, s1, n);
        put(sums + c + k, s2, n);
      });
}

void column_moments(const Bits* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1, double* sum2,
                    float* scratch) {
  sum_runs(0, rows, c, scratch, sum1, sum2, [=](std::int64_t i, std::int64_t to) {
    for (; i + 4 <= to; i += 4) add_moments<4>(x + i * c, shift, c, scratch);
    for (; i < to; ++i) add_moments<1>(x + i * c, shift, c, scratch);
  });
}

template <bool RESIDUAL>
void apply_rows(const Bf16NormApplyArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  for (std::int64_t i = begin; i < end; ++i) {
    const Bits *x = a.x + i * c, *residual = a.residual + (RESIDUAL ? i * c : 0);
    Bits* y = a.y + i * c;
    for_columns(
        c, [&](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
          V v = fma(get(x + k, n) - get(a.mean + k, n), get(a.scale + k, n), get(a.beta + k, n));
          if (RESIDUAL) v += get(residual + k, n);
          put(y + k, clamp(lo, hi, v), n);
        });
  }
}

void norm_apply(const Bf16NormApplyArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  a.residual ? apply_rows<true>(a, begin, end, c) : apply_rows<false>(a, begin, end, c);
}

FLEDGE_INLINE V masked(V dy, V y, V lo, V hi) { return keep((y > lo) & (y < hi), dy); }

template <int ROWS, bool MASK, bool WRITE>
void reduce_rows(const Bf16NormReduceArgs& a, std::int64_t row, std::int64_t c, float* sums) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  const Bits *dy = a.dy + row * c, *x = a.x + row * c, *y = MASK ? a.y + row * c : nullptr;
  Bits* dz = WRITE ? a.dz + row * c : nullptr;
  for_columns(
      c, [&](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
        const V mean = get(a.mean + k, n);
        V s1 = get(sums + k, n), s2 = get(sums + c + k, n);
#pragma GCC unroll 4
        for (int i = 0; i < ROWS; ++i) {
          V g = get(dy + i * c + k, n);
          if (MASK) g = masked(g, get(y + i * c + k, n), lo, hi);
          if (WRITE) put(dz + i * c + k, g, n);
          s1 += g;
          s2 = fma(g, get(x + i * c + k, n) - mean, s2);
        }
        put(sums + k, s1, n);
        put(sums + c + k, s2, n);
      });
}

template <bool MASK, bool WRITE>
void reduce_all(const Bf16NormReduceArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch) {
  sum_runs(begin, end, c, scratch, a.sum_dz, a.sum_dz_x, [&](std::int64_t i, std::int64_t to) {
    for (; i + 4 <= to; i += 4) reduce_rows<4, MASK, WRITE>(a, i, c, scratch);
    for (; i < to; ++i) reduce_rows<1, MASK, WRITE>(a, i, c, scratch);
  });
}

void norm_reduce(const Bf16NormReduceArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch) {
  if (a.y)
    a.dz ? reduce_all<true, true>(a, begin, end, c, scratch) : reduce_all<true, false>(a, begin, end, c, scratch);
  else
    a.dz ? reduce_all<false, true>(a, begin, end, c, scratch) : reduce_all<false, false>(a, begin, end, c, scratch);
}

template <bool MASK, bool CENTER>
void grad_rows(const Bf16NormGradArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t row = i * c;
    for_columns(
        c, [&](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
          V g = get(a.dy + row + k, n);
          if (MASK) g = masked(g, get(a.y + row + k, n), lo, hi);
          if (a.dz) put(a.dz + row + k, g, n);
          if (!a.dx) return;
          if (CENTER) {
            const V d = get(a.x + row + k, n) - get(a.mean + k, n);
            g = g - get(a.m1 + k, n) - d * get(a.m2 + k, n);
          }
          put(a.dx + row + k, g * get(a.scale + k, n), n);
        });
  }
}

void norm_grad(const Bf16NormGradArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  if (a.y)
    a.x ? grad_rows<true, true>(a, begin, end, c) : grad_rows<true, false>(a, begin, end, c);
  else
    a.x ? grad_rows<false, true>(a, begin, end, c) : grad_rows<false, false>(a, begin, end, c);
}

}  // namespace

void fill_norm_bf16(SimdTable& t) {
  t.bf16 = {.column_moments = &column_moments,
            .norm_apply = &norm_apply,
            .norm_reduce = &norm_reduce,
            .norm_grad = &norm_grad};
}

}  // namespace fledge::cpu::FLEDGE_ISA
