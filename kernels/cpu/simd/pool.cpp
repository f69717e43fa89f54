// Max pooling, channels-last, vectors over channels. Backward gathers: each input pixel asks the windows that cover it,
// so that rows are independent and the order of the sums is fixed.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr int kAtOnce = 4;  // vectors of channels: their maxima do not wait for each other

/// The rows [h0, h1) and columns [w0, w1) of the input that a window covers.
struct Covered {
  Covered(const MaxPoolArgs& a, std::int64_t p, std::int64_t q) {
    const std::int64_t top = p * a.stride_h - a.pad_top, left = q * a.stride_w - a.pad_left;
    h0 = top < 0 ? 0 : top, h1 = top + a.kernel_h < a.h ? top + a.kernel_h : a.h;
    w0 = left < 0 ? 0 : left, w1 = left + a.kernel_w < a.w ? left + a.kernel_w : a.w;
  }
  std::int64_t h0, h1, w0, w1;
};

/// The maxima of one window for N vectors of channels from k, or for the n channels there are where that is no whole
/// vector, and where INDICES the positions of the first ones; a NaN is a maximum.
template <int N, bool INDICES>
FLEDGE_INLINE void window(const MaxPoolArgs& a, const float* picture, const Covered& in, std::int64_t to,
                          std::int64_t k, std::int64_t n) {
  V best[N];
  VI at[N];
#pragma GCC unroll 4
  for (int j = 0; j < N; ++j) {
    best[j] = set1(-__builtin_inff());
    at[j] = set1_int(in.h0 < in.h1 && in.w0 < in.w1 ? static_cast<std::int32_t>(in.h0 * a.w + in.w0) : -1);
  }
  for (std::int64_t h = in.h0; h < in.h1; ++h)
    for (std::int64_t w = in.w0; w < in.w1; ++w) {
      const float* from = picture + (h * a.w + w) * a.c + k;
      const VI here = set1_int(static_cast<std::int32_t>(h * a.w + w));
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) {
        const V x = N > 1 ? load(from + j * kLanes) : get(from, n);
        const VI better = (x > best[j]) | ((x != x) & (best[j] == best[j]));
        best[j] = select(better, x, best[j]);
        if (INDICES) at[j] = select(better, here, at[j]);
      }
    }
#pragma GCC unroll 4
  for (int j = 0; j < N; ++j) {
    put(a.y + to + k + j * kLanes, best[j], N > 1 ? kLanes : n);
    if (INDICES) put(a.indices + to + k + j * kLanes, at[j], N > 1 ? kLanes : n);
  }
}

template <bool INDICES>
void max_pool_rows(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* picture = a.x + (i / a.p) * a.h * a.w * a.c;
    for (std::int64_t q = 0; q < a.q; ++q) {
      const Covered in(a, i % a.p, q);
      const std::int64_t to = (i * a.q + q) * a.c;
      std::int64_t k = 0;
      for (; k + kAtOnce * kLanes <= a.c; k += kAtOnce * kLanes)
        window<kAtOnce, INDICES>(a, picture, in, to, k, kLanes);
      for (; k < a.c; k += kLanes) window<1, INDICES>(a, picture, in, to, k, a.c - k < kLanes ? a.c - k : kLanes);
    }
  }
}

void max_pool(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  a.indices ? max_pool_rows<true>(a, begin, end) : max_pool_rows<false>(a, begin, end);
}

/// Windows [first, last) along one axis that cover position `at`.
FLEDGE_INLINE void covering(std::int64_t at, int pad, int kernel, int stride, std::int64_t count, std::int64_t& first,
                            std::int64_t& last) {
  const std::int64_t t = at + pad;
  first = t < kernel ? 0 : (t - kernel) / stride + 1;
  last = t / stride + 1 < count ? t / stride + 1 : count;
}

void max_pool_grad(const MaxPoolGradArgs& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t picture = i / a.h, h = i % a.h;
    std::int64_t p0, p1, q0, q1;
    covering(h, a.pad_top, a.kernel_h, a.stride_h, a.p, p0, p1);
    for (std::int64_t w = 0; w < a.w; ++w) {
      covering(w, a.pad_left, a.kernel_w, a.stride_w, a.q, q0, q1);
      const VI here = set1_int(static_cast<std::int32_t>(h * a.w + w));
      for (std::int64_t k = 0; k < a.c; k += kLanes) {
        const std::int64_t n = a.c - k < kLanes ? a.c - k : kLanes;
        V sum = {};
        for (std::int64_t p = p0; p < p1; ++p)
          for (std::int64_t q = q0; q < q1; ++q) {
            const std::int64_t from = ((picture * a.p + p) * a.q + q) * a.c + k;
            const VI at = get(a.indices + from, n);
            const V dy = get(a.dy + from, n);
            sum += keep(at == here, dy);
          }
        put(a.dx + (i * a.w + w) * a.c + k, sum, n);
      }
    }
  }
}

}  // namespace

void fill_pool(SimdTable& t) {
  t.max_pool = &max_pool;
  t.max_pool_grad = &max_pool_grad;
}

}  // namespace fledge::cpu::FLEDGE_ISA
