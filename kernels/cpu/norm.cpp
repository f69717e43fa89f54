// Batch normalisation on channels-last data: one pass for the statistics (or the gradient's sums), one to apply them.
// The second pass runs backwards over the rows, so that it starts with what the first one left in the cache.
#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/conv/pointwise.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/norm_passes.h"
#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

void batch_norm_train(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
                      const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return reference().norm.batch_norm_train(ctx, x, gamma, beta, residual, y, mean, invstd, running_mean, running_var,
                                             p);
  const Columns m(rows, c);
  const NormRoom room(ctx, m);
  float *shift = room.row(0), *parameters = room.row(1);
  choose_shift(
      rows, c, [v = x.as<float>()](std::int64_t i) { return v[i]; }, parameters);
  m.repeat(parameters, shift);
  room.add_up(ctx, m, [&](int part, std::int64_t begin, std::int64_t end, std::int64_t width) {
    double* sums = room.of_part(part);
    simd().column_moments(x.as<float>() + begin * width, shift, end - begin, width, sums, sums + room.width,
                          room.floats_of_part(part));
  });
  const NormStatistics statistics{mean, invstd, running_mean, running_var};
  batch_parameters(
      m, statistics, rows, beta, p, parameters,
      [&](std::int64_t k) { return moments_about(shift[k], room.sums[k], room.sums[room.width + k], rows); },
      [&](std::int64_t k, double) { return scale_of(gamma, invstd, k); });
  apply_norm<float>(ctx, m, x, residual, y, parameters, p.activation, simd().norm_apply);
}

void batch_norm_from_moments(ExecContext& ctx, const TensorView& x, const TensorView& moments, const TensorView& gamma,
                             const TensorView& beta, const TensorView* residual, const TensorView& y,
                             const TensorView& mean, const TensorView& invstd, const TensorView* running_mean,
                             const TensorView* running_var, const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return reference().norm.batch_norm_from_moments(ctx, x, moments, gamma, beta, residual, y, mean, invstd,
                                                    running_mean, running_var, p);
  const Columns m(rows, c);
  auto* parameters = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(3 * m.width()) * sizeof(float)));
  const NormStatistics statistics{mean, invstd, running_mean, running_var};
  parameters_from_moments(m, statistics, rows, moments, gamma, beta, p, parameters);
  apply_norm<float>(ctx, m, x, residual, y, parameters, p.activation, simd().norm_apply);
}

void batch_norm_eval(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                     const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                     const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return reference().norm.batch_norm_eval(ctx, x, gamma, beta, mean, var, residual, y, p);
  const Columns m(rows, c);
  auto* parameters = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(3 * m.width()) * sizeof(float)));
  evaluation_parameters(m, gamma, beta, mean, var, p.eps, parameters);
  apply_norm<float>(ctx, m, x, residual, y, parameters, p.activation, simd().norm_apply);
}

void batch_norm_backward(ExecContext& ctx, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                         bool batch_statistics, const BatchNormParams& p) {
  const bool masked = p.activation != Activation::None, by_output = masked && !in.beta;
  const std::int64_t c = in.x.dims[1], rows = c ? in.x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&in.dy, &in.x, by_output ? &in.y : nullptr, out.dx, out.dresidual}))
    return reference().norm.batch_norm_backward(ctx, in, out, batch_statistics, p);
  const Columns m(rows, c);
  const NormRoom room(ctx, m);
  float *mean = room.row(0), *scale = room.row(1), *m1 = room.row(2), *m2 = room.row(3);
  float* beta = masked && in.beta ? room.row(4) : nullptr;
  const Bounds bounds = bounds_of(p.activation);
  for (std::int64_t k = 0; k < c; ++k) scale[k] = scale_of(in.gamma, in.invstd, k);
  m.repeat(scale, scale);
  m.repeat(in.mean.as<float>(), mean);
  if (beta) m.repeat(in.beta->as<float>(), beta);
  const float* dy = in.dy.as<float>();
  const float* y = by_output ? in.y.as<float>() : nullptr;
  float* dz = out.dresidual ? out.dresidual->as<float>() : nullptr;
  const bool center = batch_statistics && out.dx;
  if (center || out.dgamma || out.dbeta) {
    room.add_up(ctx, m, [&](int part, std::int64_t begin, std::int64_t end, std::int64_t width) {
      double* sums = room.of_part(part);
      simd().norm_reduce(
          {dy, in.x.as<float>(), y, dz, mean, scale, beta, bounds.lo, bounds.hi, sums, sums + room.width}, begin, end,
          width, room.floats_of_part(part));
    });
    if (dz) {  // written on the way: the second pass reads it instead of dy and the mask
      dy = dz;
      y = beta = dz = nullptr;
    }
  }
  gradient_parameters(room, in.invstd, rows, out, m1, m2);
  if (!out.dx && !dz) return;
  m.repeat(m1, m1);
  m.repeat(m2, m2);
  const NormGradArgs a{dy,        center ? in.x.as<float>() : nullptr,
                       y,         out.dx ? out.dx->as<float>() : nullptr,
                       dz,        mean,
                       scale,     m1,
                       m2,        beta,
                       bounds.lo, bounds.hi};
  over_rows(ctx, m, sizeof(float),
            [&](std::int64_t begin, std::int64_t end, std::int64_t width) { simd().norm_grad(a, begin, end, width); });
}

}  // namespace

void overlay_norm(KernelTable& t) {
  t.norm = {.batch_norm_train = &batch_norm_train,
            .batch_norm_from_moments = &batch_norm_from_moments,
            .batch_norm_eval = &batch_norm_eval,
            .batch_norm_backward = &batch_norm_backward,
            .batch_norm_pointwise = &batch_norm_pointwise,
            .batch_norm_pointwise_backward = &batch_norm_pointwise_backward};
}

}  // namespace fledge::cpu
