// Max pooling, channels-last, vectors over channels. Backward gathers: each input pixel asks the windows that cover it,
// so that rows are independent and the order of the sums is fixed.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// The maximum of one window and its position, for channels [k, k+n).
FLEDGE_INLINE void window(const MaxPoolArgs& a, const float* picture, std::int64_t p, std::int64_t q, std::int64_t k,
                          std::int64_t n, V& best, VI& at) {
  const std::int64_t top = p * a.stride_h - a.pad_top, left = q * a.stride_w - a.pad_left;
  const std::int64_t h0 = top < 0 ? 0 : top, h1 = top + a.kernel_h < a.h ? top + a.kernel_h : a.h;
  const std::int64_t w0 = left < 0 ? 0 : left, w1 = left + a.kernel_w < a.w ? left + a.kernel_w : a.w;
  best = set1(-__builtin_inff());
  at = set1_int(h0 < h1 && w0 < w1 ? static_cast<std::int32_t>(h0 * a.w + w0) : -1);
  for (std::int64_t h = h0; h < h1; ++h)
    for (std::int64_t w = w0; w < w1; ++w) {
      const float* from = picture + (h * a.w + w) * a.c + k;
      const V x = n == kLanes ? load(from) : load_part(from, n);
      const VI better = (x > best) | ((x != x) & (best == best));  // the first maximum; NaN counts as one
      best = select(better, x, best);
      at = select(better, set1_int(static_cast<std::int32_t>(h * a.w + w)), at);
    }
}

void max_pool(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* picture = a.x + (i / a.p) * a.h * a.w * a.c;
    for (std::int64_t q = 0; q < a.q; ++q)
      for (std::int64_t k = 0; k < a.c; k += kLanes) {
        const std::int64_t n = a.c - k < kLanes ? a.c - k : kLanes, to = (i * a.q + q) * a.c + k;
        V best;
        VI at;
        window(a, picture, i % a.p, q, k, n, best, at);
        store_part(a.y + to, best, n);
        if (a.indices) store_part(a.indices + to, at, n);
      }
  }
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
            const VI at = n == kLanes ? load(a.indices + from) : load_part(a.indices + from, n);
            const V dy = n == kLanes ? load(a.dy + from) : load_part(a.dy + from, n);
            sum += keep(at == here, dy);
          }
        store_part(a.dx + (i * a.w + w) * a.c + k, sum, n);
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
