// One optimiser step of a run of elements (formulas: kernels/api/optim.h). The sums are short, so float serves; what
// is a number of the step alone is computed before, in double where the host does it.
#pragma once
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/runtime.h"

namespace fledge::cuda {

inline constexpr int kOptimBlock = 256;

/// A parameter, its gradient, and its moments, null where there is none.
struct StepArrays {
  float* w;
  const float* grad;
  float *first, *second;

  __device__ bool aligned() const {
    return ((reinterpret_cast<std::uintptr_t>(w) | reinterpret_cast<std::uintptr_t>(grad) |
             reinterpret_cast<std::uintptr_t>(first) | reinterpret_cast<std::uintptr_t>(second)) &
            15) == 0;
  }
};

struct SgdRule {
  float scale;                      // of the gradient
  float lr, decay, momentum, keep;  // keep: 1 - dampening
  bool has_momentum, nesterov, first_step;

  __device__ void operator()(float& w, float g, float& velocity, float&) const {
    float step = fmaf(decay, w, scale * g);
    if (has_momentum) {
      velocity = first_step ? step : fmaf(momentum, velocity, keep * step);
      step = nesterov ? fmaf(momentum, velocity, step) : velocity;
    }
    w = fmaf(-lr, step, w);
  }
};

struct AdamRule {
  float scale;                          // of the gradient
  float lr, decay;                      // decay of the gradient; 0 if decoupled
  float shrink;                         // 1 - lr * decay if decoupled, else 1
  float beta1, rest1, beta2, rest2;     // rest: 1 - beta
  float correction1, correction2, eps;  // 1/(1-b1^t), 1/sqrt(1-b2^t)

  __device__ void operator()(float& w, float g, float& first, float& second) const {
    g = fmaf(decay, w, scale * g);
    first = fmaf(beta1, first, rest1 * g);
    second = fmaf(beta2, second, rest2 * g * g);
    w = w * shrink - lr * correction1 * first / (sqrtf(second) * correction2 + eps);
  }
};

template <int N, class Rule>
__device__ inline void step_elements(const Rule& rule, const StepArrays& a, std::int64_t at) {
  float w[N], g[N], first[N] = {}, second[N] = {};
  load<N>(a.w + at, w);
  load<N>(a.grad + at, g);
  if (a.first) load<N>(a.first + at, first);
  if (a.second) load<N>(a.second + at, second);
#pragma unroll
  for (int i = 0; i < N; ++i) rule(w[i], g[i], first[i], second[i]);
  store<N>(a.w + at, w);
  if (a.first) store<N>(a.first + at, first);
  if (a.second) store<N>(a.second + at, second);
}

/// Elements [begin, end), begin a multiple of 4, by `threads` threads of which this is number `thread`.
template <class Rule>
__device__ inline void step_run(const Rule& rule, const StepArrays& a, std::int64_t begin, std::int64_t end,
                                std::int64_t thread, std::int64_t threads) {
  if (a.aligned()) {
    const std::int64_t whole = end - (end - begin) % 4;
    for (std::int64_t i = begin + thread * 4; i < whole; i += threads * 4) step_elements<4>(rule, a, i);
    begin = whole;
  }
  for (std::int64_t i = begin + thread; i < end; i += threads) step_elements<1>(rule, a, i);
}

}  // namespace fledge::cuda
