// Batch norm passes over rows x c: every column (channel) has its own parameters. The caller widens narrow matrices
// (kernels/cpu/columns.h), so that vectors are full and the chains of the sums independent. Rows go one after the
// other, in the order of memory: several at a time load a column's parameters less often, and are slower, as the
// processor fetches ahead less well. Pointers are copied from the arguments first, or each store makes the compiler
// load them again.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr std::int64_t kRun = 128;  // rows summed in float before they go to double

/// Calls f(k, n) for every slice of columns: full vectors first (n is then a constant), the rest last.
template <class F>
FLEDGE_INLINE void for_columns(std::int64_t c, F f) {
  std::int64_t k = 0;
  for (; k + kLanes <= c; k += kLanes) f(k, std::int64_t{kLanes});
  if (k < c) f(k, c - k);
}

void flush(double* to, float* from, std::int64_t c) {
  for (std::int64_t k = 0; k < c; ++k) {
    to[k] += from[k];
    from[k] = 0;
  }
}

/// Adds a row to the two float sums: of x - shift and of its square.
FLEDGE_INLINE void add_moments(const float* x, const float* shift, std::int64_t c, float* sum1, float* sum2) {
  for_columns(
      c, [=](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
        const V d = get(x + k, n) - get(shift + k, n);
        put(sum1 + k, get(sum1 + k, n) + d, n);
        put(sum2 + k, fma(d, d, get(sum2 + k, n)), n);
      });
}

void column_moments(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1, double* sum2,
                    float* scratch) {
  float *s1 = scratch, *s2 = scratch + c;
  for (std::int64_t k = 0; k < 2 * c; ++k) scratch[k] = 0;
  for (std::int64_t from = 0; from < rows; from += kRun) {
    const std::int64_t to = from + kRun < rows ? from + kRun : rows;
    for (std::int64_t i = from; i < to; ++i) add_moments(x + i * c, shift, c, s1, s2);
    flush(sum1, s1, c);
    flush(sum2, s2, c);
  }
}

template <bool PART>
FLEDGE_INLINE void add_lanes(double* to, V v, std::int64_t n) {
  if (!PART) return add_to_doubles(to, v);
  for (std::int64_t l = 0; l < n; ++l) to[l] += v[l];
}

/// B vectors of columns, whose sums stay in registers for a run of rows. `part`: lanes of the last vector.
template <int B, bool PART>
FLEDGE_INLINE void moments_of_columns(const float* x, const float* shift, std::int64_t rows, std::int64_t c,
                                      std::int64_t part, double* sum1, double* sum2) {
  const auto get_lanes = [=](const float* p) { return PART ? load_part(p, part) : load(p); };
  V middle[B];
  for (int b = 0; b < B; ++b) middle[b] = get_lanes(shift + b * kLanes);
  for (std::int64_t from = 0; from < rows; from += kRun) {
    const std::int64_t to = from + kRun < rows ? from + kRun : rows;
    V s1[B] = {}, s2[B] = {};
    for (std::int64_t i = from; i < to; ++i)
#pragma GCC unroll 4
      for (int b = 0; b < B; ++b) {
        const V d = get_lanes(x + i * c + b * kLanes) - middle[b];
        s1[b] += d;
        s2[b] = fma(d, d, s2[b]);
      }
    for (int b = 0; b < B; ++b) {
      add_lanes<PART>(sum1 + b * kLanes, s1[b], part);
      add_lanes<PART>(sum2 + b * kLanes, s2[b], part);
    }
  }
}

/// Columns one after the other: the rows are read so often as there are blocks of columns, which the cache bears.
void column_moments_near(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1,
                         double* sum2) {
  constexpr int kVectors = 4;
  std::int64_t k = 0;
  for (; k + kVectors * kLanes <= c; k += kVectors * kLanes)
    moments_of_columns<kVectors, false>(x + k, shift + k, rows, c, kLanes, sum1 + k, sum2 + k);
  for (; k + kLanes <= c; k += kLanes)
    moments_of_columns<1, false>(x + k, shift + k, rows, c, kLanes, sum1 + k, sum2 + k);
  if (k < c) moments_of_columns<1, true>(x + k, shift + k, rows, c, c - k, sum1 + k, sum2 + k);
}

template <bool RESIDUAL>
void apply_rows(const NormApplyArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  const float *means = a.mean, *scales = a.scale, *betas = a.beta;
  for (std::int64_t i = begin; i < end; ++i) {
    const float *x = a.x + i * c, *residual = RESIDUAL ? a.residual + i * c : nullptr;
    float* y = a.y + i * c;
    for_columns(
        c, [=](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
          // Centred before scaling: x*scale + (beta - mean*scale) would cancel where |mean| is large.
          V v = fma(get(x + k, n) - get(means + k, n), get(scales + k, n), get(betas + k, n));
          if (RESIDUAL) v += get(residual + k, n);
          put(y + k, clamp(lo, hi, v), n);
        });
  }
}

void norm_apply(const NormApplyArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  a.residual ? apply_rows<true>(a, begin, end, c) : apply_rows<false>(a, begin, end, c);
}

FLEDGE_INLINE V masked(V dy, V y, V lo, V hi) { return keep((y > lo) & (y < hi), dy); }

/// Where the mask of the activation comes from.
enum class Mask { None, Output, Input };

Mask mask_of(const float* y, const float* beta) {
  if (y) return Mask::Output;
  return beta ? Mask::Input : Mask::None;
}

/// f with the mask as a constant.
template <class F>
FLEDGE_INLINE void with_mask(Mask mask, F f) {
  switch (mask) {
    case Mask::None:
      return f.template operator()<Mask::None>();
    case Mask::Output:
      return f.template operator()<Mask::Output>();
    case Mask::Input:
      return f.template operator()<Mask::Input>();
  }
}

/// A row of sum dz and sum dz*(x - mean), writing dz on the way when asked.
template <Mask MASK, bool WRITE>
FLEDGE_INLINE void reduce_row(const NormReduceArgs& a, std::int64_t row, std::int64_t c, float* sum1, float* sum2) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  const float *dy = a.dy + row * c, *x = a.x + row * c, *y = MASK == Mask::Output ? a.y + row * c : nullptr;
  const float *means = a.mean, *scales = a.scale, *betas = a.beta;
  float* dz = WRITE ? a.dz + row * c : nullptr;
  for_columns(
      c, [=](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
        V g = get(dy + k, n);
        const V d = get(x + k, n) - get(means + k, n);
        if (MASK == Mask::Output) g = masked(g, get(y + k, n), lo, hi);
        if (MASK == Mask::Input) g = masked(g, fma(d, get(scales + k, n), get(betas + k, n)), lo, hi);
        if (WRITE) put(dz + k, g, n);
        put(sum1 + k, get(sum1 + k, n) + g, n);
        put(sum2 + k, fma(g, d, get(sum2 + k, n)), n);
      });
}

template <Mask MASK, bool WRITE>
void reduce_all(const NormReduceArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch) {
  float *s1 = scratch, *s2 = scratch + c;
  for (std::int64_t k = 0; k < 2 * c; ++k) scratch[k] = 0;
  for (std::int64_t from = begin; from < end; from += kRun) {
    const std::int64_t to = from + kRun < end ? from + kRun : end;
    for (std::int64_t i = from; i < to; ++i) reduce_row<MASK, WRITE>(a, i, c, s1, s2);
    flush(a.sum_dz, s1, c);
    flush(a.sum_dz_x, s2, c);
  }
}

void norm_reduce(const NormReduceArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch) {
  with_mask(mask_of(a.y, a.beta), [&]<Mask MASK>() {
    a.dz ? reduce_all<MASK, true>(a, begin, end, c, scratch) : reduce_all<MASK, false>(a, begin, end, c, scratch);
  });
}

/// What norm_grad writes.
enum class Grads { Dx, Dz, Both };

template <Mask MASK, bool CENTER, Grads OUT>
void grad_rows(const NormGradArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  const V lo = set1(a.lo), hi = set1(a.hi);
  const float *means = a.mean, *scales = a.scale, *betas = a.beta, *m1s = a.m1, *m2s = a.m2;
  for (std::int64_t i = begin; i < end; ++i) {
    const float *dy = a.dy + i * c, *x = CENTER ? a.x + i * c : nullptr;
    const float* y = MASK == Mask::Output ? a.y + i * c : nullptr;
    float *dx = OUT != Grads::Dz ? a.dx + i * c : nullptr, *dz = OUT != Grads::Dx ? a.dz + i * c : nullptr;
    for_columns(
        c, [=](std::int64_t k, std::int64_t n) __attribute__((always_inline)) {
          V g = get(dy + k, n), d = {};
          const V scale = get(scales + k, n);
          if (CENTER) d = get(x + k, n) - get(means + k, n);
          if (MASK == Mask::Output) g = masked(g, get(y + k, n), lo, hi);
          if (MASK == Mask::Input) g = masked(g, fma(d, scale, get(betas + k, n)), lo, hi);
          if (OUT != Grads::Dx) put(dz + k, g, n);
          if (OUT == Grads::Dz) return;
          if (CENTER) g = g - get(m1s + k, n) - d * get(m2s + k, n);
          put(dx + k, g * scale, n);
        });
  }
}

template <Mask MASK, bool CENTER>
void grad_all(const NormGradArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  if (!a.dz) return grad_rows<MASK, CENTER, Grads::Dx>(a, begin, end, c);
  a.dx ? grad_rows<MASK, CENTER, Grads::Both>(a, begin, end, c) : grad_rows<MASK, CENTER, Grads::Dz>(a, begin, end, c);
}

void norm_grad(const NormGradArgs& a, std::int64_t begin, std::int64_t end, std::int64_t c) {
  with_mask(mask_of(a.y, a.beta), [&]<Mask MASK>() {
    a.x ? grad_all<MASK, true>(a, begin, end, c) : grad_all<MASK, false>(a, begin, end, c);
  });
}

}  // namespace

void fill_norm(SimdTable& t) {
  t.column_moments = &column_moments;
  t.column_moments_near = &column_moments_near;
  t.norm_apply = &norm_apply;
  t.norm_reduce = &norm_reduce;
  t.norm_grad = &norm_grad;
}

}  // namespace fledge::cpu::FLEDGE_ISA
