// Optimiser steps: learning rate, corrections and the gradients' norm are read on the device. Sums are short, so float
// serves.
#include "kernels/api/optim_rules.h"
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/many.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

/// A parameter, its gradient, and its moments, null where there is none.
struct Arrays {
  float* w;
  const float* grad;
  float *first, *second;

  __device__ bool aligned() const {
    return ((reinterpret_cast<std::uintptr_t>(w) | reinterpret_cast<std::uintptr_t>(grad) |
             reinterpret_cast<std::uintptr_t>(first) | reinterpret_cast<std::uintptr_t>(second)) &
            15) == 0;
  }
};

struct Parameter {
  Arrays arrays;
  std::int64_t numel;
  float lr_scale, decay;
};
using Parameters = Batch<Parameter, 64>;

/// What StepScalars points to.
struct StepValues {
  const double *rates, *norm;
  float max_norm;
};

__device__ void update(const SgdRule& r, float& w, float g, float& velocity, float&) {
  float step = fmaf(r.decay, w, g);
  if (r.has_momentum) {
    velocity = fmaf(r.momentum, velocity, step);
    step = r.nesterov ? fmaf(r.momentum, velocity, step) : velocity;
  }
  w = fmaf(-r.lr, step, w);
}

__device__ void update(const AdamRule& r, float& w, float g, float& first, float& second) {
  g = fmaf(r.decay, w, g);
  first = fmaf(r.beta1, first, r.rest1 * g);
  second = fmaf(r.beta2, second, r.rest2 * g * g);
  w = w * r.shrink - r.step_size * first / (sqrtf(second) * r.root_scale + r.eps);
}

__device__ SgdRule rule_of(const SgdParams& p, const Parameter& e, const StepValues& s) {
  return {.lr = static_cast<float>(s.rates[0]) * e.lr_scale,
          .decay = e.decay,
          .momentum = static_cast<float>(p.momentum),
          .has_momentum = e.arrays.first != nullptr,
          .nesterov = p.nesterov};
}

__device__ AdamRule rule_of(const AdamParams& p, const Parameter& e, const StepValues& s) {
  const float lr = static_cast<float>(s.rates[0]) * e.lr_scale, root_scale = static_cast<float>(1 / s.rates[2]),
              eps = static_cast<float>(p.eps);
  return {.decoupled = p.decoupled,
          .decay = p.decoupled ? 0 : e.decay,
          .shrink = p.decoupled ? 1 - lr * e.decay : 1,
          .beta1 = static_cast<float>(p.beta1),
          .rest1 = static_cast<float>(1 - p.beta1),
          .beta2 = static_cast<float>(p.beta2),
          .rest2 = static_cast<float>(1 - p.beta2),
          .step_size = lr * static_cast<float>(1 / s.rates[1]),
          .root_scale = root_scale,
          // Legacy eps is added before the second correction is divided out.
          .eps = p.legacy_eps ? eps * root_scale : eps};
}

template <int N, class Rule>
__device__ inline void update_elements(const Rule& rule, const Arrays& a, float scale, std::int64_t at) {
  float w[N], g[N], first[N] = {}, second[N] = {};
  load<N>(a.w + at, w);
  load<N>(a.grad + at, g);
  if (a.first) load<N>(a.first + at, first);
  if (a.second) load<N>(a.second + at, second);
#pragma unroll
  for (int i = 0; i < N; ++i) update(rule, w[i], scale * g[i], first[i], second[i]);
  store<N>(a.w + at, w);
  if (a.first) store<N>(a.first + at, first);
  if (a.second) store<N>(a.second + at, second);
}

/// A block per chunk.
template <class Rule, class Params>
__global__ void __launch_bounds__(kBlock)
    step(const Parameters tensors, const Params params, const StepValues scalars) {
  __shared__ Rule rule;
  const float norm = static_cast<float>(*scalars.norm);
  if (!(norm - norm == 0)) return;  // infinite or NaN
  const float scale = scalars.max_norm > 0 && norm > scalars.max_norm ? scalars.max_norm / norm : 1;
  const int number = tensors.find(blockIdx.x);
  const Parameter& e = tensors.entry[number];
  if (threadIdx.x == 0) rule = rule_of(params, e, scalars);
  __syncthreads();
  std::int64_t begin = static_cast<std::int64_t>(blockIdx.x - tensors.first_chunk[number]) * kChunk;
  const std::int64_t end = begin + kChunk < e.numel ? begin + kChunk : e.numel;
  if (e.arrays.aligned()) {
    const std::int64_t whole = end - (end - begin) % 4;
    for (std::int64_t i = begin + threadIdx.x * 4; i < whole; i += kBlock * 4)
      update_elements<4>(rule, e.arrays, scale, i);
    begin = whole;
  }
  for (std::int64_t i = begin + threadIdx.x; i < end; i += kBlock) update_elements<1>(rule, e.arrays, scale, i);
}

template <class Rule, class Params>
void run_steps(const char* op, std::span<const OptimTensor> tensors, const Params& params, const StepScalars& s) {
  static_assert(sizeof(Parameters) + sizeof(Params) + sizeof(StepValues) <= 4096 - 64);
  const StepValues scalars{s.rates.as<double>(), s.norm.as<double>(), static_cast<float>(s.max_norm)};
  Parameters batch;
  const auto flush = [&] {
    launch(op, &step<Rule, Params>, batch.chunks(), kBlock, batch, params, scalars);
    batch = {};
  };
  for (const OptimTensor& t : tensors) {
    if (t.w.numel() == 0) continue;
    batch.add({{t.w.as<float>(), t.grad.as<float>(), t.first.as<float>(), t.second.as<float>()},
               t.w.numel(),
               static_cast<float>(t.lr_scale),
               static_cast<float>(t.weight_decay)});
    if (batch.full()) flush();
  }
  if (batch.count > 0) flush();
}

void sgd_step(ExecContext&, std::span<const OptimTensor> tensors, const SgdParams& p, const StepScalars& s) {
  run_steps<SgdRule>("sgd_step", tensors, p, s);
}

void adam_step(ExecContext&, std::span<const OptimTensor> tensors, const AdamParams& p, const StepScalars& s) {
  run_steps<AdamRule>("adam_step", tensors, p, s);
}

}  // namespace

void overlay_optim(KernelTable& f32) {
  f32.optim = {.grad_norm = &grad_norm, .sgd_step = &sgd_step, .adam_step = &adam_step};
}

}  // namespace fledge::cuda
