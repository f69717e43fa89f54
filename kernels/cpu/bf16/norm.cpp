// Batch normalisation in mixed precision: the passes of ../norm.cpp over rows that the loops of
// ../simd/norm_bf16.cpp read and write as they are. Statistics, gamma and beta with
// their gradients are float32.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu::bf16 {
namespace {

using Stored = std::uint16_t;

const Stored* stored_or_null(const TensorView* v) { return v ? v->as<Stored>() : nullptr; }

bool all_channels_last(std::initializer_list<const TensorView*> views) {
  return std::all_of(views.begin(), views.end(), [](const TensorView* v) { return !v || is_channels_last(*v); });
}

/// Scratch of both passes: sums by part, four rows of parameters.
struct NormRoom {
  double* sums;  // parts x 2 x width
  float *partial, *parameters;
  std::int64_t width;
  int parts;

  NormRoom(ExecContext& ctx, const Columns& m)
      : width(m.width()), parts(sum_parts(ctx, m.wide_rows, row_grain(m.width()))) {
    const std::size_t n = static_cast<std::size_t>(2 * width * parts);
    sums = static_cast<double*>(
        ctx.scratch(n * (sizeof(double) + sizeof(float)) + static_cast<std::size_t>(4 * width) * sizeof(float)));
    partial = reinterpret_cast<float*>(sums + n);
    parameters = partial + n;
    std::fill(sums, sums + n, 0.0);
  }
  double* of_part(int part) const { return sums + 2 * width * part; }
  float* floats_of_part(int part) const { return partial + 2 * width * part; }
  float* row(int i) const { return parameters + i * width; }

  /// pass(part, begin, end, c): rows [begin, end) of c columns; then all parts' sums are added, in order, and the
  /// copies of each column: the results lie in the first c of sums, and of sums + width.
  template <class F>
  void add_up(const ExecContext& ctx, const Columns& m, F pass) const {
    parallel_sum(ctx, parts, m.wide_rows,
                 [&](int part, std::int64_t begin, std::int64_t end) { pass(part, begin, end, width); });
    if (m.rest) pass(0, m.wide_rows * m.fold, m.wide_rows * m.fold + m.rest, m.c);
    for (int part = 1; part < parts; ++part)
      for (std::int64_t k = 0; k < 2 * width; ++k) sums[k] += of_part(part)[k];
    m.sum_copies(sums);
    m.sum_copies(sums + width);
  }
};

/// pass(begin, end, c) over all rows, by blocks; each thread from its last block to its first, which the pass before
/// left in the cache.
template <class F>
void over_rows(const ExecContext& ctx, const Columns& m, F pass) {
  const std::int64_t rows = std::max<std::int64_t>(1, 32768 / m.width());
  parallel_for(ctx.threads(), m.wide_rows, row_grain(m.width()), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t stop = end; stop > begin; stop -= std::min(rows, stop - begin))
      pass(std::max(begin, stop - rows), stop, m.width());
  });
  if (m.rest) pass(m.wide_rows * m.fold, m.wide_rows * m.fold + m.rest, m.c);
}

/// Mean of a few rows spread over the data.
void shift_of(const Stored* x, std::int64_t rows, std::int64_t c, float* shift) {
  const std::int64_t samples = std::min<std::int64_t>(rows, 16);
  for (std::int64_t k = 0; k < c; ++k) {
    double s = 0;
    for (std::int64_t i = 0; i < samples; ++i) s += fledge::widen(BFloat16{x[(rows / samples) * i * c + k]});
    shift[k] = static_cast<float>(s / static_cast<double>(samples));
    if (!std::isfinite(shift[k])) shift[k] = 0;
  }
}

void renew(const TensorView* running, std::int64_t k, double statistic, double momentum) {
  if (!running) return;
  float& r = running->as<float>()[k];
  r = static_cast<float>((1 - momentum) * r + momentum * statistic);
}

void narrow_norm_train(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                       const TensorView* residual, const TensorView& y, const TensorView& mean,
                       const TensorView& invstd, const TensorView* running_mean, const TensorView* running_var,
                       const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return plain().norm.batch_norm_train(ctx, x, gamma, beta, residual, y, mean, invstd, running_mean, running_var, p);
  const Columns m(rows, c);
  const NormRoom room(ctx, m);
  float *shift = room.row(0), *scale = room.row(1), *wide_beta = room.row(2), *wide_mean = room.row(3);
  shift_of(x.as<Stored>(), rows, c, wide_mean);
  m.repeat(wide_mean, shift);
  room.add_up(ctx, m, [&](int part, std::int64_t begin, std::int64_t end, std::int64_t width) {
    simd().bf16.column_moments(x.as<Stored>() + begin * width, shift, end - begin, width, room.of_part(part),
                               room.of_part(part) + room.width, room.floats_of_part(part));
  });
  const double count = static_cast<double>(rows);
  for (std::int64_t k = 0; k < c; ++k) {
    const double s1 = room.sums[k], s2 = room.sums[room.width + k], mu = shift[k] + s1 / count;
    const double squares = std::max(s2 - s1 * s1 / count, s2 * 0.0);  // NaN goes through, rounding below zero does not
    const double inv = 1 / std::sqrt(squares / count + p.eps);
    mean.as<float>()[k] = static_cast<float>(mu);
    invstd.as<float>()[k] = static_cast<float>(inv);
    renew(running_mean, k, mu, p.momentum);
    renew(running_var, k, rows > 1 ? squares / (count - 1) : 0, p.momentum);
    scale[k] = static_cast<float>(gamma.as<float>()[k] * inv);
  }
  m.repeat(scale, scale);
  m.repeat(beta.as<float>(), wide_beta);
  m.repeat(mean.as<float>(), wide_mean);
  const Bounds bounds = bounds_of(p.activation);
  const Bf16NormApplyArgs a{
      x.as<Stored>(), stored_or_null(residual), y.as<Stored>(), wide_mean, scale, wide_beta, bounds.lo, bounds.hi};
  over_rows(ctx, m, [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
    simd().bf16.norm_apply(a, begin, end, width);
  });
}

void narrow_norm_eval(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                      const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_channels_last({&x, residual, &y}))
    return plain().norm.batch_norm_eval(ctx, x, gamma, beta, mean, var, residual, y, p);
  const Columns m(rows, c);
  auto* scale = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(3 * m.width()) * sizeof(float)));
  float *wide_beta = scale + m.width(), *wide_mean = wide_beta + m.width();
  for (std::int64_t k = 0; k < c; ++k)
    scale[k] = static_cast<float>(gamma.as<float>()[k] / std::sqrt(var.as<float>()[k] + p.eps));
  m.repeat(scale, scale);
  m.repeat(beta.as<float>(), wide_beta);
  m.repeat(mean.as<float>(), wide_mean);
  const Bounds bounds = bounds_of(p.activation);
  const Bf16NormApplyArgs a{
      x.as<Stored>(), stored_or_null(residual), y.as<Stored>(), wide_mean, scale, wide_beta, bounds.lo, bounds.hi};
  over_rows(ctx, m, [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
    simd().bf16.norm_apply(a, begin, end, width);
  });
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
  const double count = static_cast<double>(rows);
  for (std::int64_t k = 0; k < c; ++k) {
    const double invstd = in.invstd.as<float>()[k], sum_dz = room.sums[k], dgamma = room.sums[room.width + k] * invstd;
    if (out.dgamma) out.dgamma->as<float>()[k] = static_cast<float>(dgamma);
    if (out.dbeta) out.dbeta->as<float>()[k] = static_cast<float>(sum_dz);
    scale[k] = static_cast<float>(in.gamma.as<float>()[k] * invstd);
    m1[k] = static_cast<float>(sum_dz / count);
    m2[k] = static_cast<float>(dgamma * invstd / count);
  }
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
  over_rows(ctx, m, [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
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
