// Optimiser steps of all parameters at once; learning rate, corrections and the gradients' norm are read on the device.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/many.cuh"
#include "kernels/cuda/device/optim_rules.cuh"

namespace fledge::cuda {
namespace {

struct Entry {
  StepArrays arrays;
  std::int64_t numel;
  float lr_scale, decay;
};
using Tensors = Batch<Entry, 64>;

/// What StepScalars points to.
struct Scalars {
  const float *rates, *norm;
  float max_norm;
};

/// Rules without what is known on the device only.
struct SgdMany {
  SgdRule rule;

  __device__ SgdRule operator()(const Entry& e, const Scalars& s, float scale) const {
    SgdRule r = rule;
    r.scale = scale;
    r.lr = s.rates[0] * e.lr_scale;
    r.decay = e.decay;
    r.has_momentum = e.arrays.first != nullptr;
    r.first_step = s.rates[1] != 0;
    return r;
  }
};

struct AdamMany {
  AdamRule rule;
  bool decoupled, legacy_eps;

  __device__ AdamRule operator()(const Entry& e, const Scalars& s, float scale) const {
    AdamRule r = rule;
    r.scale = scale;
    r.lr = s.rates[0] * e.lr_scale;
    r.decay = decoupled ? 0 : e.decay;
    r.shrink = decoupled ? 1 - r.lr * e.decay : 1;
    r.correction1 = s.rates[1];
    r.correction2 = s.rates[2];
    if (legacy_eps) r.eps *= r.correction2;
    return r;
  }
};

template <class Many>
__global__ void __launch_bounds__(kOptimBlock)
    step_many(const Tensors tensors, const Many many, const Scalars scalars) {
  const float norm = *scalars.norm;
  if (!(norm - norm == 0)) return;  // infinite or NaN
  const float scale = scalars.max_norm > 0 && norm > scalars.max_norm ? scalars.max_norm / norm : 1;
  const int number = tensors.find(blockIdx.x);
  const Entry& e = tensors.entry[number];
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x - tensors.first_chunk[number]) * kChunk,
                     end = begin + kChunk < e.numel ? begin + kChunk : e.numel;
  step_run(many(e, scalars, scale), e.arrays, begin, end, threadIdx.x, kOptimBlock);
}

template <class Many>
void run(const char* op, std::span<const OptimTensor> tensors, const Many& many, const StepScalars& s) {
  static_assert(sizeof(Tensors) + sizeof(Many) + sizeof(Scalars) <= 4096 - 64);
  const Scalars scalars{s.rates.as<float>(), s.norm.as<float>(), static_cast<float>(s.max_norm)};
  Tensors batch;
  const auto flush = [&] {
    launch(op, &step_many<Many>, batch.chunks(), kOptimBlock, batch, many, scalars);
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

}  // namespace

void sgd_step_many(ExecContext&, std::span<const OptimTensor> tensors, const SgdParams& p, const StepScalars& s) {
  SgdMany many{};
  many.rule.momentum = static_cast<float>(p.momentum);
  many.rule.keep = static_cast<float>(1 - p.dampening);
  many.rule.nesterov = p.nesterov;
  run("sgd_step_many", tensors, many, s);
}

void adam_step_many(ExecContext&, std::span<const OptimTensor> tensors, const AdamParams& p, const StepScalars& s) {
  AdamMany many{};
  many.rule.beta1 = static_cast<float>(p.beta1);
  many.rule.rest1 = static_cast<float>(1 - p.beta1);
  many.rule.beta2 = static_cast<float>(p.beta2);
  many.rule.rest2 = static_cast<float>(1 - p.beta2);
  many.rule.eps = static_cast<float>(p.eps);
  many.decoupled = p.decoupled;
  many.legacy_eps = p.legacy_eps;
  run("adam_step_many", tensors, many, s);
}

}  // namespace fledge::cuda
