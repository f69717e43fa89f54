// Optimiser updates in one pass over parameter, gradient and moments (formulas: kernels/api/optim.h).
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
FLEDGE_INLINE V get(const float* p, std::int64_t n) { return n == kLanes ? load(p) : load_part(p, n); }
FLEDGE_INLINE void put(float* p, V v, std::int64_t n) { n == kLanes ? store(p, v) : store_part(p, v, n); }

void sgd_step(float* w, const float* grad, float* momentum, std::int64_t n, const SgdArgs& p) {
  for_vectors(
      n, [&](std::int64_t i, std::int64_t m) __attribute__((always_inline)) {
        const V value = get(w + i, m);
        V g = fma(value, set1(p.weight_decay), get(grad + i, m));
        if (momentum) {
          const V v = p.first_step ? g : fma(set1(p.momentum), get(momentum + i, m), g * p.one_minus_dampening);
          put(momentum + i, v, m);
          g = p.nesterov ? fma(set1(p.momentum), v, g) : v;
        }
        put(w + i, value - g * p.lr, m);
      });
}

void adam_step(float* w, const float* grad, float* first, float* second, std::int64_t n, const AdamArgs& p) {
  for_vectors(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        V value = get(w + i, count), g = get(grad + i, count);
        if (p.decoupled)
          value *= p.decay_factor;
        else
          g = fma(value, set1(p.weight_decay), g);
        const V m = fma(set1(p.beta1), get(first + i, count), g * p.one_minus_beta1);
        const V v = fma(set1(p.beta2), get(second + i, count), g * g * p.one_minus_beta2);
        put(first + i, m, count);
        put(second + i, v, count);
        put(w + i, value - m * p.step_size / fma(sqrt(v), set1(p.root_scale), set1(p.eps)), count);
      });
}

}  // namespace

void fill_optim(SimdTable& t) {
  t.sgd_step = &sgd_step;
  t.adam_step = &adam_step;
}

}  // namespace fledge::cpu::FLEDGE_ISA
