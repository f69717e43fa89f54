// Sums and extremes of runs and of columns. Sums run in float lanes for short stretches, then in double.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr std::int64_t kRun = 4 * kLanes * 64;  // floats per stretch: 64 additions in each of four accumulators

/// Sum of f(x[i]) in double.
template <class F>
FLEDGE_INLINE double sum_of(const float* x, std::int64_t n, F f) {
  double total = 0;
  std::int64_t i = 0;
  while (i + kLanes <= n) {
    std::int64_t stop = i + kRun < n ? i + kRun : n;
    V s0 = {}, s1 = {}, s2 = {}, s3 = {};
    for (; i + 4 * kLanes <= stop; i += 4 * kLanes) {
      s0 += f(load(x + i));
      s1 += f(load(x + i + kLanes));
      s2 += f(load(x + i + 2 * kLanes));
      s3 += f(load(x + i + 3 * kLanes));
    }
    for (; i + kLanes <= stop; i += kLanes) s0 += f(load(x + i));
    total += sum((s0 + s1) + (s2 + s3));
  }
  if (i < n) total += sum(f(load_part(x + i, n - i)));
  return total;
}

double sum_all(const float* x, std::int64_t n) {
  return sum_of(x, n, [](V v) { return v; });
}

/// In double throughout: squares of large gradients may overflow a float.
double sum_of_squares(const float* x, std::int64_t n) {
  D s0 = {}, s1 = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const V v = load(x + i);
    const D lo = low_doubles(v), hi = high_doubles(v);
    s0 += lo * lo;
    s1 += hi * hi;
  }
  double total = sum(s0 + s1);
  for (; i < n; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

/// NaN wins, as in PyTorch's amax and amin.
FLEDGE_INLINE V extreme_of(bool maximum, V best, V x) {
  const VI better = (maximum ? x > best : x < best) | (x != x);
  return select(better & (best == best), x, best);
}

float extreme(bool maximum, const float* x, std::int64_t n) {
  const float start = maximum ? -__builtin_inff() : __builtin_inff();
  V best = set1(start);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) best = extreme_of(maximum, best, load(x + i));
  float result = start;
  const auto offer = [&](float v) {
    if (result == result && (v != v || (maximum ? v > result : v < result))) result = v;
  };
  for (int lane = 0; lane < kLanes; ++lane) offer(best[lane]);
  for (; i < n; ++i) offer(x[i]);
  return result;
}

void column_extreme(bool maximum, const float* x, std::int64_t rows, std::int64_t c, float* result) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < c; k += kLanes) {
      const std::int64_t n = c - k < kLanes ? c - k : kLanes;
      store_part(result + k, extreme_of(maximum, load_part(result + k, n), load_part(x + i * c + k, n)), n);
    }
}

template <int ROWS>
FLEDGE_INLINE void add_rows(const float* x, std::int64_t c, float* sums) {
  std::int64_t k = 0;
  for (; k + kLanes <= c; k += kLanes) {
    V s = load(sums + k);
#pragma GCC unroll 4
    for (int i = 0; i < ROWS; ++i) s += load(x + i * c + k);
    store(sums + k, s);
  }
  for (; k < c; ++k)
    for (int i = 0; i < ROWS; ++i) sums[k] += x[i * c + k];
}

void column_sums(const float* x, std::int64_t rows, std::int64_t c, double* sums, float* scratch) {
  for (std::int64_t k = 0; k < c; ++k) scratch[k] = 0;
  for (std::int64_t from = 0; from < rows; from += 128) {
    const std::int64_t to = from + 128 < rows ? from + 128 : rows;
    std::int64_t i = from;
    for (; i + 4 <= to; i += 4) add_rows<4>(x + i * c, c, scratch);
    for (; i < to; ++i) add_rows<1>(x + i * c, c, scratch);
    for (std::int64_t k = 0; k < c; ++k) {
      sums[k] += scratch[k];
      scratch[k] = 0;
    }
  }
}

}  // namespace

void fill_reduce(SimdTable& t) {
  t.sum = &sum_all;
  t.sum_of_squares = &sum_of_squares;
  t.extreme = &extreme;
  t.column_extreme = &column_extreme;
  t.column_sums = &column_sums;
}

}  // namespace fledge::cpu::FLEDGE_ISA
