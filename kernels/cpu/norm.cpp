// Batch normalisation on channels-last data: one pass for the statistics (or the gradient's sums), one to apply them.
// The second pass runs backwards over the rows, so that it starts with what the first one left in the cache.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

bool all_dense(std::initializer_list<const TensorView*> views) {
  return std::all_of(views.begin(), views.end(), [](const TensorView* v) { return !v || is_channels_last(*v); });
}

const float* data_or_null(const TensorView* v) { return v ? v->as<float>() : nullptr; }

/// f(row_begin, row_end) over the wide rows, each thread from its last block to its first.
template <class F>
void backwards(const ExecContext& ctx, const Columns& m, F&& f) {
  parallel_for(ctx.threads(), m.wide_rows, row_grain(m.width()), [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t block = std::max<std::int64_t>(1, 16384 / m.width());
    for (std::int64_t stop = end; stop > begin; stop -= std::min(block, stop - begin))
      f(std::max(begin, stop - block), stop);
  });
}

/// The sums of the parts, in the order of the parts; then the copies of each column. Result in the first c of `sums`.
void add_parts(const Columns& m, double* sums, int parts, std::int64_t stride) {
  for (int p = 1; p < parts; ++p)
    for (std::int64_t k = 0; k < m.width(); ++k) sums[k] += sums[p * stride + k];
  m.sum_copies(sums);
}

/// Mean of a few rows spread over the data: near enough to the mean for the squares not to cancel.
void choose_shift(const float* x, std::int64_t rows, std::int64_t c, float* shift) {
  const std::int64_t samples = std::min<std::int64_t>(rows, 16);
  for (std::int64_t k = 0; k < c; ++k) {
    double s = 0;
    for (std::int64_t i = 0; i < samples; ++i) s += x[(rows / samples) * i * c + k];
    shift[k] = static_cast<float>(s / static_cast<double>(samples));
    if (!std::isfinite(shift[k])) shift[k] = 0;
  }
}

/// Scratch for both passes: per-part double sums, per-part float sums, rows of parameters.
struct Workspace {
  static constexpr std::int64_t kParameters = 5;
  double* sums;       // parts x 2 x width
  float* partial;     // parts x 2 x width
  float* parameters;  // kParameters x width
  std::int64_t width;
  int parts;

  Workspace(ExecContext& ctx, const Columns& m)
      : width(m.width()), parts(sum_parts(ctx, m.wide_rows, row_grain(m.width()))) {
    const std::size_t n = static_cast<std::size_t>(2 * width * parts);
    auto* p = static_cast<char*>(ctx.scratch(n * (sizeof(double) + sizeof(float)) +
                                             static_cast<std::size_t>(kParameters * width) * sizeof(float)));
    sums = reinterpret_cast<double*>(p);
    partial = reinterpret_cast<float*>(p + n * sizeof(double));
    parameters = partial + n;
    std::fill(sums, sums + n, 0.0);
  }
  double* part_sums(int part) const { return sums + 2 * width * part; }
  float* part_floats(int part) const { return partial + 2 * width * part; }
  float* parameter(int i) const { return parameters + i * width; }
};

void apply(const ExecContext& ctx, const Columns& m, const NormApplyArgs& a) {
  backwards(ctx, m, [&](std::int64_t begin, std::int64_t end) { simd().norm_apply(a, begin, end, m.width()); });
  if (m.rest == 0) return;
  NormApplyArgs r = a;
  r.x += m.rest_offset();
  r.y += m.rest_offset();
  if (r.residual) r.residual += m.rest_offset();
  simd().norm_apply(r, 0, m.rest, m.c);
}

void update_running(const TensorView* running, std::int64_t k, double statistic, double momentum) {
  if (!running) return;
  float& r = running->as<float>()[k];
  r = static_cast<float>((1 - momentum) * r + momentum * statistic);
}

/// From the rounded invstd, which backward has too: its mask of an activation is then that of y to the bit.
float scale_of(const TensorView& gamma, const TensorView& invstd, std::int64_t k) {
  return static_cast<float>(double{gamma.as<float>()[k]} * invstd.as<float>()[k]);
}

void batch_norm_train(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
                      const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_dense({&x, residual, &y}))
    return reference().norm.batch_norm_train(ctx, x, gamma, beta, residual, y, mean, invstd, running_mean, running_var,
                                             p);
  const Columns m(rows, c);
  const Workspace w(ctx, m);
  float *shift = w.parameter(0), *scale = w.parameter(1), *wide_beta = w.parameter(2), *wide_mean = w.parameter(3);
  choose_shift(x.as<float>(), rows, c, wide_mean);
  m.repeat(wide_mean, shift);
  parallel_sum(ctx, w.parts, m.wide_rows, [&](int part, std::int64_t begin, std::int64_t end) {
    simd().column_moments(x.as<float>() + begin * w.width, shift, end - begin, w.width, w.part_sums(part),
                          w.part_sums(part) + w.width, w.part_floats(part));
  });
  if (m.rest)
    simd().column_moments(x.as<float>() + m.rest_offset(), shift, m.rest, c, w.sums, w.sums + w.width,
                          w.part_floats(0));
  add_parts(m, w.sums, w.parts, 2 * w.width);
  add_parts(m, w.sums + w.width, w.parts, 2 * w.width);
  const double count = static_cast<double>(rows);
  for (std::int64_t k = 0; k < c; ++k) {
    const double s1 = w.sums[k], s2 = w.sums[w.width + k], mu = shift[k] + s1 / count;
    const double squares = std::max(s2 - s1 * s1 / count, s2 * 0.0);  // NaN goes through, rounding below zero does not
    mean.as<float>()[k] = static_cast<float>(mu);
    invstd.as<float>()[k] = static_cast<float>(1 / std::sqrt(squares / count + p.eps));
    update_running(running_mean, k, mu, p.momentum);
    update_running(running_var, k, rows > 1 ? squares / (count - 1) : 0, p.momentum);
    scale[k] = scale_of(gamma, invstd, k);
  }
  m.repeat(scale, scale);
  m.repeat(beta.as<float>(), wide_beta);
  m.repeat(mean.as<float>(), wide_mean);
  const Bounds bounds = bounds_of(p.activation);
  apply(ctx, m,
        {x.as<float>(), data_or_null(residual), y.as<float>(), wide_mean, scale, wide_beta, bounds.lo, bounds.hi});
}

void batch_norm_eval(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                     const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                     const BatchNormParams& p) {
  const std::int64_t c = x.dims[1], rows = c ? x.numel() / c : 0;
  if (rows == 0 || !all_dense({&x, residual, &y}))
    return reference().norm.batch_norm_eval(ctx, x, gamma, beta, mean, var, residual, y, p);
  const Columns m(rows, c);
  auto* scale = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(3 * m.width()) * sizeof(float)));
  float *wide_beta = scale + m.width(), *wide_mean = wide_beta + m.width();
  for (std::int64_t k = 0; k < c; ++k)
    scale[k] = static_cast<float>(gamma.as<float>()[k] / std::sqrt(var.as<float>()[k] + p.eps));
  m.repeat(scale, scale);
  m.repeat(beta.as<float>(), wide_beta);
  m.repeat(mean.as<float>(), wide_mean);
  const Bounds bounds = bounds_of(p.activation);
  apply(ctx, m,
        {x.as<float>(), data_or_null(residual), y.as<float>(), wide_mean, scale, wide_beta, bounds.lo, bounds.hi});
}

/// Sums of dz and dz*(x - mean) per column into w.sums; writes dz when `dz` is not null.
void gradient_sums(const ExecContext& ctx, const Columns& m, const Workspace& w, NormReduceArgs a) {
  parallel_sum(ctx, w.parts, m.wide_rows, [&](int part, std::int64_t begin, std::int64_t end) {
    NormReduceArgs mine = a;
    mine.sum_dz = w.part_sums(part);
    mine.sum_dz_x = mine.sum_dz + w.width;
    simd().norm_reduce(mine, begin, end, w.width, w.part_floats(part));
  });
  if (m.rest) {
    const std::int64_t at = m.rest_offset();
    NormReduceArgs r = a;
    r.dy += at;
    r.x += at;
    if (r.y) r.y += at;
    if (r.dz) r.dz += at;
    r.sum_dz = w.sums;
    r.sum_dz_x = w.sums + w.width;
    simd().norm_reduce(r, 0, m.rest, m.c, w.part_floats(0));
  }
  add_parts(m, w.sums, w.parts, 2 * w.width);
  add_parts(m, w.sums + w.width, w.parts, 2 * w.width);
}

void apply_gradient(const ExecContext& ctx, const Columns& m, const NormGradArgs& a) {
  backwards(ctx, m, [&](std::int64_t begin, std::int64_t end) { simd().norm_grad(a, begin, end, m.width()); });
  if (m.rest == 0) return;
  const std::int64_t at = m.rest_offset();
  NormGradArgs r = a;
  r.dy += at;
  if (r.x) r.x += at;
  if (r.y) r.y += at;
  if (r.dx) r.dx += at;
  if (r.dz) r.dz += at;
  simd().norm_grad(r, 0, m.rest, m.c);
}

void batch_norm_backward(ExecContext& ctx, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                         bool batch_statistics, const BatchNormParams& p) {
  const bool masked = p.activation != Activation::None, by_output = masked && !in.beta;
  const std::int64_t c = in.x.dims[1], rows = c ? in.x.numel() / c : 0;
  if (rows == 0 || !all_dense({&in.dy, &in.x, by_output ? &in.y : nullptr, out.dx, out.dresidual}))
    return reference().norm.batch_norm_backward(ctx, in, out, batch_statistics, p);
  const Columns m(rows, c);
  const Workspace w(ctx, m);
  float *mean = w.parameter(0), *scale = w.parameter(1), *m1 = w.parameter(2), *m2 = w.parameter(3);
  float* beta = masked && in.beta ? w.parameter(4) : nullptr;
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
    gradient_sums(ctx, m, w, {dy, in.x.as<float>(), y, dz, mean, scale, beta, bounds.lo, bounds.hi, nullptr, nullptr});
    if (dz) {  // written on the way: the second pass reads it instead of dy and the mask
      dy = dz;
      y = beta = dz = nullptr;
    }
  }
  const double count = static_cast<double>(rows);
  for (std::int64_t k = 0; k < c; ++k) {
    const double invstd = in.invstd.as<float>()[k], sum_dz = w.sums[k], dgamma = w.sums[w.width + k] * invstd;
    if (out.dgamma) out.dgamma->as<float>()[k] = static_cast<float>(dgamma);
    if (out.dbeta) out.dbeta->as<float>()[k] = static_cast<float>(sum_dz);
    m1[k] = static_cast<float>(sum_dz / count);
    m2[k] = static_cast<float>(dgamma * invstd / count);
  }
  if (!out.dx && !dz) return;
  m.repeat(m1, m1);
  m.repeat(m2, m2);
  apply_gradient(ctx, m,
                 {dy, center ? in.x.as<float>() : nullptr, y, out.dx ? out.dx->as<float>() : nullptr, dz, mean, scale,
                  m1, m2, beta, bounds.lo, bounds.hi});
}

}  // namespace

void overlay_norm(KernelTable& t) {
  t.norm = {.batch_norm_train = &batch_norm_train,
            .batch_norm_eval = &batch_norm_eval,
            .batch_norm_backward = &batch_norm_backward};
}

}  // namespace fledge::cpu
