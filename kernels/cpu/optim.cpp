// Optimiser steps, all parameters as one flat run; formulas in kernels/api/optim.h. The numbers of a step
// are computed in double, the elements in float32.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

double sum_of_squares(ExecContext& ctx, const TensorView& x) {
  const std::int64_t n = x.numel();
  const int parts = sum_parts(ctx, n, row_grain(1));
  auto* partial = static_cast<double*>(ctx.scratch(static_cast<std::size_t>(parts) * sizeof(double)));
  parallel_sum(ctx, parts, n, [&](int part, std::int64_t begin, std::int64_t end) {
    partial[part] = simd().sum_of_squares(x.as<float>() + begin, end - begin);
  });
  double total = 0;
  for (int part = 0; part < parts; ++part) total += partial[part];
  return total;
}

void grad_norm(ExecContext& ctx, std::span<const TensorView> grads, const TensorView& norm) {
  double squares = 0;
  for (const TensorView& g : grads) squares += sum_of_squares(ctx, g);
  *norm.as<double>() = std::sqrt(squares);
}

/// f(tensor, w, gradient, first, second, n) for the parts of one parameter. The gradient is the clipped one, made piece
/// by piece: nobody else needs it.
template <class F>
void for_pieces(const OptimTensor& t, double scale, std::int64_t begin, std::int64_t end, F f) {
  constexpr std::int64_t kPiece = 1024;  // whole vectors
  const auto at = [](const TensorView& v, std::int64_t i) { return v.data ? v.as<float>() + i : nullptr; };
  if (scale == 1) return f(t, at(t.w, begin), at(t.grad, begin), at(t.first, begin), at(t.second, begin), end - begin);
  for (std::int64_t i = begin; i < end; i += kPiece) {
    const std::int64_t n = std::min(kPiece, end - i);
    float clipped[kPiece];
    simd().unary(static_cast<int>(UnaryOp::Affine), at(t.grad, i), clipped, n, static_cast<float>(scale), 0);
    f(t, at(t.w, i), clipped, at(t.first, i), at(t.second, i), n);
  }
}

/// The same for all parameters, as one run that is divided once: most are too small to be worth a thread of their own.
/// Parts begin at whole blocks of a parameter, as in parallel_flat.
template <class F>
void for_parts(ExecContext& ctx, std::span<const OptimTensor> tensors, double scale, F f) {
  constexpr std::int64_t kBlock = 64;
  const auto blocks_of = [](const OptimTensor& t) { return (t.w.numel() + kBlock - 1) / kBlock; };
  std::int64_t blocks = 0;
  for (const OptimTensor& t : tensors) blocks += blocks_of(t);
  parallel_for(ctx.threads(), blocks, row_grain(1) / kBlock, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t first = 0;
    for (const OptimTensor& t : tensors) {
      const std::int64_t last = first + blocks_of(t), from = std::max(begin, first), to = std::min(end, last);
      if (from < to) for_pieces(t, scale, (from - first) * kBlock, std::min(t.w.numel(), (to - first) * kBlock), f);
      first = last;
    }
  });
}

void sgd_step(ExecContext& ctx, std::span<const OptimTensor> tensors, const SgdParams& p, const StepScalars& s) {
  const double scale = clip_scale(s);
  if (scale == 0) return;
  for_parts(ctx, tensors, scale,
            [&](const OptimTensor& t, float* w, const float* g, float* velocity, float*, std::int64_t n) {
              const SgdRule rule{.lr = static_cast<float>(*s.rates.as<double>() * t.lr_scale),
                                 .decay = static_cast<float>(t.weight_decay),
                                 .momentum = static_cast<float>(p.momentum),
                                 .has_momentum = t.first.data != nullptr,
                                 .nesterov = p.nesterov};
              simd().sgd_step(w, g, velocity, n, rule);
            });
}

AdamRule adam_rule(const AdamParams& p, double lr, double weight_decay, const double* rates) {
  const double correction1 = rates[1], correction2 = rates[2];
  return {.decoupled = p.decoupled,
          .decay = p.decoupled ? 0 : static_cast<float>(weight_decay),
          .shrink = p.decoupled ? static_cast<float>(1 - lr * weight_decay) : 1,
          .beta1 = static_cast<float>(p.beta1),
          .rest1 = static_cast<float>(1 - p.beta1),
          .beta2 = static_cast<float>(p.beta2),
          .rest2 = static_cast<float>(1 - p.beta2),
          .step_size = static_cast<float>(lr / correction1),
          .root_scale = static_cast<float>(1 / correction2),
          // Legacy eps is added before the second correction is divided out: eps / correction2 in the modern place.
          .eps = static_cast<float>(p.legacy_eps ? p.eps / correction2 : p.eps)};
}

void adam_step(ExecContext& ctx, std::span<const OptimTensor> tensors, const AdamParams& p, const StepScalars& s) {
  const double scale = clip_scale(s);
  if (scale == 0) return;
  const auto* rates = s.rates.as<double>();
  for_parts(ctx, tensors, scale,
            [&](const OptimTensor& t, float* w, const float* g, float* first, float* second, std::int64_t n) {
              simd().adam_step(w, g, first, second, n, adam_rule(p, rates[0] * t.lr_scale, t.weight_decay, rates));
            });
}

}  // namespace

void overlay_optim(KernelTable& t) {
  t.optim = {.grad_norm = &grad_norm, .sgd_step = &sgd_step, .adam_step = &adam_step};
}

}  // namespace fledge::cpu
