// Optimiser updates in one pass over parameter, gradient and moments (formulas: kernels/api/optim_rules.h).
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

template <class F>
FLEDGE_INLINE void for_vectors(std::int64_t n, F f) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, std::int64_t{kLanes});
  if (i < n) f(i, n - i);
}

/// As it is, rounded: kept from being contracted with a sum.
FLEDGE_INLINE V rounded(V v) {
  asm("" : "+v"(v));
  return v;
}

void sgd_step(float* w, const float* grad, float* velocity, std::int64_t n, const SgdRule& r) {
  for_vectors(
      n, [&](std::int64_t i, std::int64_t m) __attribute__((always_inline)) {
        const V value = get(w + i, m);
        V g = fma(value, set1(r.decay), get(grad + i, m));
        if (r.has_momentum) {
          const V v = rounded(get(velocity + i, m) * r.momentum) + g;  // PyTorch's two roundings
          put(velocity + i, v, m);
          g = r.nesterov ? fma(set1(r.momentum), v, g) : v;
        }
        put(w + i, value - g * r.lr, m);
      });
}

void adam_step(float* w, const float* grad, float* first, float* second, std::int64_t n, const AdamRule& r) {
  for_vectors(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        V value = get(w + i, count), g = get(grad + i, count);
        if (r.decoupled)
          value *= r.shrink;
        else
          g = fma(value, set1(r.decay), g);
        const V m = fma(set1(r.beta1), get(first + i, count), g * r.rest1);
        const V v = fma(set1(r.beta2), get(second + i, count), g * g * r.rest2);
        put(first + i, m, count);
        put(second + i, v, count);
        put(w + i, value - m * r.step_size / fma(sqrt(v), set1(r.root_scale), set1(r.eps)), count);
      });
}

}  // namespace

void fill_optim(SimdTable& t) {
  t.sgd_step = &sgd_step;
  t.adam_step = &adam_step;
}

}  // namespace fledge::cpu::FLEDGE_ISA
