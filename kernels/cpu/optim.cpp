// Optimiser steps on dense parameters of one layout, as one flat loop; formulas in kernels/api/optim.h.
#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/loop_nest.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

/// True when all views walk memory in one and the same unbroken run.
template <int VIEWS>
bool flat(const Dims& dims, const std::array<const Dims*, VIEWS>& strides) {
  const LoopNest<VIEWS> nest(dims, strides);
  if (nest.rank > 1) return false;
  for (std::int64_t s : nest.inner().strides)
    if (s != 1) return false;
  return true;
}

void sgd_step(ExecContext& ctx, const TensorView& w, const TensorView& grad, const TensorView* buffer,
              const SgdParams& p) {
  if (!flat<3>(w.dims, {&w.strides, &grad.strides, buffer ? &buffer->strides : &w.strides}))
    return reference().optim.sgd_step(ctx, w, grad, buffer, p);
  const SgdArgs args{static_cast<float>(p.lr),
                     static_cast<float>(p.momentum),
                     static_cast<float>(1 - p.dampening),
                     static_cast<float>(p.weight_decay),
                     p.nesterov,
                     p.first_step};
  parallel_flat(ctx.threads(), w.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
    simd().sgd_step(w.as<float>() + begin, grad.as<float>() + begin, buffer ? buffer->as<float>() + begin : nullptr,
                    end - begin, args);
  });
}

void adam_step(ExecContext& ctx, const TensorView& w, const TensorView& grad, const TensorView& m, const TensorView& v,
               const AdamParams& p) {
  if (!flat<4>(w.dims, {&w.strides, &grad.strides, &m.strides, &v.strides}))
    return reference().optim.adam_step(ctx, w, grad, m, v, p);
  const double t = static_cast<double>(p.step);
  const double correction1 = 1 - std::pow(p.beta1, t), correction2 = std::sqrt(1 - std::pow(p.beta2, t));
  AdamArgs args{};
  args.beta1 = static_cast<float>(p.beta1);
  args.one_minus_beta1 = static_cast<float>(1 - p.beta1);
  args.beta2 = static_cast<float>(p.beta2);
  args.one_minus_beta2 = static_cast<float>(1 - p.beta2);
  args.weight_decay = static_cast<float>(p.weight_decay);
  args.decoupled = p.decoupled;
  args.decay_factor = static_cast<float>(1 - p.lr * p.weight_decay);
  args.step_size = static_cast<float>(p.lr / correction1);
  args.root_scale = static_cast<float>(1 / correction2);
  // Legacy eps is added before the second correction is divided out: eps / correction2 in the modern place.
  args.eps = static_cast<float>(p.legacy_eps ? p.eps / correction2 : p.eps);
  parallel_flat(ctx.threads(), w.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
    simd().adam_step(w.as<float>() + begin, grad.as<float>() + begin, m.as<float>() + begin, v.as<float>() + begin,
                     end - begin, args);
  });
}

double sum_of_squares(ExecContext& ctx, const TensorView& x) {
  if (!flat<1>(x.dims, {&x.strides})) return reference().optim.sum_of_squares(ctx, x);
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

}  // namespace

void overlay_optim(KernelTable& t) {
  t.optim.sgd_step = &sgd_step;
  t.optim.adam_step = &adam_step;
  t.optim.sum_of_squares = &sum_of_squares;
}

}  // namespace fledge::cpu
