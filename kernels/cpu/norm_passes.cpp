#include "kernels/cpu/norm_passes.h"

namespace fledge::cpu {
namespace {

void update_running(const TensorView* running, std::int64_t k, double statistic, double momentum) {
  if (!running) return;
  float& r = running->as<float>()[k];
  r = static_cast<float>((1 - momentum) * r + momentum * statistic);
}

}  // namespace

bool all_channels_last(std::initializer_list<const TensorView*> views) {
  return std::all_of(views.begin(), views.end(), [](const TensorView* v) { return !v || is_channels_last(*v); });
}

NormRoom::NormRoom(ExecContext& ctx, const Columns& m)
    : NormRoom(ctx, m, sum_parts(ctx, m.wide_rows, row_grain(m.width())), 0) {}

NormRoom::NormRoom(ExecContext& ctx, const Columns& m, int for_parts, std::int64_t more_floats)
    : width(m.width()), parts(for_parts) {
  const auto n = static_cast<std::size_t>(2 * width * parts);
  const auto floats = n + static_cast<std::size_t>(kParameters * width + more_floats);
  sums = static_cast<double*>(ctx.scratch(n * sizeof(double) + floats * sizeof(float)));
  partial = reinterpret_cast<float*>(sums + n);
  parameters = partial + n;
  more = parameters + kParameters * width;
  std::fill(sums, sums + n, 0.0);
}

void NormRoom::add_parts(const Columns& m) const {
  for (int part = 1; part < parts; ++part)
    for (std::int64_t k = 0; k < 2 * width; ++k) sums[k] += of_part(part)[k];
  m.sum_copies(sums);
  m.sum_copies(sums + width);
}

double NormStatistics::set(std::int64_t k, ColumnMoments moments, std::int64_t rows, const BatchNormParams& p) const {
  const double count = static_cast<double>(rows), mu = moments.mean, squares = moments.squares;
  const double inv = 1 / std::sqrt(squares / count + p.eps);
  mean.as<float>()[k] = static_cast<float>(mu);
  invstd.as<float>()[k] = static_cast<float>(inv);
  update_running(running_mean, k, mu, p.momentum);
  update_running(running_var, k, rows > 1 ? squares / (count - 1) : 0, p.momentum);
  return inv;
}

void spread_parameters(const Columns& m, const TensorView& beta, const TensorView& mean, float* room) {
  m.repeat(room, room);
  m.repeat(beta.as<float>(), room + m.width());
  m.repeat(mean.as<float>(), room + 2 * m.width());
}

void parameters_from_moments(const Columns& m, const NormStatistics& statistics, std::int64_t rows,
                             const TensorView& moments, const TensorView& gamma, const TensorView& beta,
                             const BatchNormParams& p, float* room) {
  const auto* given = moments.as<double>();
  batch_parameters(
      m, statistics, rows, beta, p, room,
      [&](std::int64_t k) {
        return ColumnMoments{given[k], given[m.c + k]};
      },
      [&](std::int64_t k, double) { return scale_of(gamma, statistics.invstd, k); });
}

void evaluation_parameters(const Columns& m, const TensorView& gamma, const TensorView& beta, const TensorView& mean,
                           const TensorView& var, double eps, float* room) {
  for (std::int64_t k = 0; k < m.c; ++k)
    room[k] = static_cast<float>(gamma.as<float>()[k] / std::sqrt(var.as<float>()[k] + eps));
  spread_parameters(m, beta, mean, room);
}

float scale_of(const TensorView& gamma, const TensorView& invstd, std::int64_t k) {
  return static_cast<float>(double{gamma.as<float>()[k]} * invstd.as<float>()[k]);
}

void gradient_parameters(const NormRoom& room, const TensorView& invstd, std::int64_t rows, const BatchNormGrads& out,
                         float* m1, float* m2) {
  const double count = static_cast<double>(rows);
  for (std::int64_t k = 0, c = invstd.numel(); k < c; ++k) {
    const double inv = invstd.as<float>()[k], sum_dz = room.sums[k], dgamma = room.sums[room.width + k] * inv;
    if (out.dgamma) out.dgamma->as<float>()[k] = static_cast<float>(dgamma);
    if (out.dbeta) out.dbeta->as<float>()[k] = static_cast<float>(sum_dz);
    m1[k] = static_cast<float>(sum_dz / count);
    m2[k] = static_cast<float>(dgamma * inv / count);
  }
}

}  // namespace fledge::cpu
