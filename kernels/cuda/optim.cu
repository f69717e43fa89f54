// Optimiser steps of one parameter; the numbers of the step come from the host.
#include <cmath>

#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/optim_rules.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

template <class Rule>
__global__ void __launch_bounds__(kOptimBlock) step_one(Rule rule, StepArrays arrays, std::int64_t n) {
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  step_run(rule, arrays, 0, n, thread, static_cast<std::int64_t>(gridDim.x) * blockDim.x);
}

void sgd_step(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView* momentum_buffer,
              const SgdParams& p) {
  const SgdRule rule{.scale = 1,
                     .lr = static_cast<float>(p.lr),
                     .decay = static_cast<float>(p.weight_decay),
                     .momentum = static_cast<float>(p.momentum),
                     .keep = static_cast<float>(1 - p.dampening),
                     .has_momentum = momentum_buffer != nullptr,
                     .nesterov = p.nesterov,
                     .first_step = p.first_step};
  const StepArrays arrays{w.as<float>(), grad.as<float>(), momentum_buffer ? momentum_buffer->as<float>() : nullptr,
                          nullptr};
  launch("sgd_step", &step_one<SgdRule>, grid_for((w.numel() + 3) / 4, kOptimBlock), kOptimBlock, rule, arrays,
         w.numel());
}

void adam_step(ExecContext&, const TensorView& w, const TensorView& grad, const TensorView& m, const TensorView& v,
               const AdamParams& p) {
  const double step = static_cast<double>(p.step);
  const double correction1 = 1 / (1 - std::pow(p.beta1, step)),
               correction2 = 1 / std::sqrt(1 - std::pow(p.beta2, step));
  const AdamRule rule{.scale = 1,
                      .lr = static_cast<float>(p.lr),
                      .decay = p.decoupled ? 0 : static_cast<float>(p.weight_decay),
                      .shrink = p.decoupled ? static_cast<float>(1 - p.lr * p.weight_decay) : 1,
                      .beta1 = static_cast<float>(p.beta1),
                      .rest1 = static_cast<float>(1 - p.beta1),
                      .beta2 = static_cast<float>(p.beta2),
                      .rest2 = static_cast<float>(1 - p.beta2),
                      .correction1 = static_cast<float>(correction1),
                      .correction2 = static_cast<float>(correction2),
                      // Legacy eps is added before the second correction is divided out.
                      .eps = static_cast<float>(p.legacy_eps ? p.eps * correction2 : p.eps)};
  const StepArrays arrays{w.as<float>(), grad.as<float>(), m.as<float>(), v.as<float>()};
  launch("adam_step", &step_one<AdamRule>, grid_for((w.numel() + 3) / 4, kOptimBlock), kOptimBlock, rule, arrays,
         w.numel());
}

}  // namespace

void overlay_optim(KernelTable& f32) {
  f32.optim.sgd_step = &sgd_step;
  f32.optim.adam_step = &adam_step;
  f32.optim.sum_of_squares = &sum_of_squares;
  f32.optim.grad_norm = &grad_norm;
  f32.optim.sgd_step_many = &sgd_step_many;
  f32.optim.adam_step_many = &adam_step_many;
}

}  // namespace fledge::cuda
