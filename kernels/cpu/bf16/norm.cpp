// Batch normalisation in mixed precision: the passes of ../norm.cpp over rows that the loops of
// ../simd/norm_bf16.cpp read and write as they are. Statistics, gamma and beta with
// their gradients are float32.
#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/norm_passes.h"

namespace fledge::cpu::bf16 {
namespace {

using Stored = std::uint16_t;

void narrow_norm_train(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                       const TensorView* residual, const TensorView& y, const TensorView& mean,
                       const TensorView& invstd, const TensorView* running_mean, const TensorView* running_var,
                       const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return plain().norm.batch_norm_train(ctx, x, gamma, beta, residual, y, mean, invstd, running_mean, running_var, p);
  const Columns m(rows, c);
  const NormRoom room(ctx, m);
  float *shift = room.row(0), *parameters = room.row(1);
  choose_shift(
      rows, c, [v = x.as<Stored>()](std::int64_t i) { return fledge::widen(BFloat16{v[i]}); }, parameters);
  m.repeat(parameters, shift);
  room.add_up(ctx, m, [&](int part, std::int64_t begin, std::int64_t end, std::int64_t width) {
    simd().bf16.column_moments(x.as<Stored>() + begin * width, shift, end - begin, width, room.of_part(part),
                               room.of_part(part) + room.width, room.floats_of_part(part));
  });
  const NormStatistics statistics{mean, invstd, running_mean, running_var};
  batch_parameters(
      m, statistics, rows, beta, p, parameters,
      [&](std::int64_t k) { return moments_about(shift[k], room.sums[k], room.sums[room.width + k], rows); },
      [&](std::int64_t k, double inv) { return static_cast<float>(gamma.as<float>()[k] * inv); });
  apply_norm<Stored>(ctx, m, x, residual, y, parameters, p.activation, simd().bf16.norm_apply);
}

void narrow_norm_eval(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                      const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return plain().norm.batch_norm_eval(ctx, x, gamma, beta, mean, var, residual, y, p);
  const Columns m(rows, c);
  auto* parameters = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(3 * m.width()) * sizeof(float)));
  evaluation_parameters(m, gamma, beta, mean, var, p.eps, parameters);
  apply_norm<Stored>(ctx, m, x, residual, y, parameters, p.activation, simd().bf16.norm_apply);
}

void narrow_norm_backward(ExecContext& ctx, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                          bool batch_statistics, const BatchNormParams& p) {
  const bool masked = p.activation != Activation::None;
  const std::int64_t c = in.x.dims[1], rows = c ? in.x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&in.dy, &in.x, masked ? &in.y : nullptr, out.dx, out.dresidual}))
    return plain().norm.batch_norm_backward(ctx, in, out, batch_statistics, p);
  const Columns m(rows, c);
  const NormRoom room(ctx, m);
  float *mean = room.row(0), *scale = room.row(1), *m1 = room.row(2), *m2 = room.row(3);
  const Bounds bounds = bounds_of(p.activation);
  m.repeat(in.mean.as<float>(), mean);
  const Stored *dy = in.dy.as<Stored>(), *y = masked ? in.y.as<Stored>() : nullptr;
  Stored* dz = out.dresidual ? out.dresidual->as<Stored>() : nullptr;
  const bool center = batch_statistics && out.dx;
  if (center || out.dgamma || out.dbeta) {
    room.add_up(ctx, m, [&](int part, std::int64_t begin, std::int64_t end, std::int64_t width) {
      simd().bf16.norm_reduce({dy, in.x.as<Stored>(), y, dz, mean, bounds.lo, bounds.hi, room.of_part(part),
                               room.of_part(part) + room.width},
                              begin, end, width, room.floats_of_part(part));
    });
    if (dz) dy = dz, y = nullptr, dz = nullptr;  // written on the way: the second pass reads it
  }
  for (std::int64_t k = 0; k < c; ++k) scale[k] = scale_of(in.gamma, in.invstd, k);
  gradient_parameters(room, in.invstd, rows, out, m1, m2);
  if (!out.dx && !dz) return;
  m.repeat(scale, scale);
  m.repeat(m1, m1);
  m.repeat(m2, m2);
  const Bf16NormGradArgs a{dy,       center ? in.x.as<Stored>() : nullptr,
                           y,        out.dx ? out.dx->as<Stored>() : nullptr,
                           dz,       mean,
                           scale,    m1,
                           m2,       bounds.lo,
                           bounds.hi};
  over_rows(ctx, m, sizeof(Stored), [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
    simd().bf16.norm_grad(a, begin, end, width);
  });
}

}  // namespace

void overlay_norm(KernelTable& t) {
  t.norm = {.batch_norm_train = &narrow_norm_train,
            .batch_norm_eval = &narrow_norm_eval,
            .batch_norm_backward = &narrow_norm_backward};
}

}  // namespace fledge::cpu::bf16
