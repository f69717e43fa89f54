// What batch norm's kernels share, whatever their activations are stored as: room for sums and parameters, the order in
// which rows are walked, and the arithmetic of columns between two passes. Statistics and parameters are float32.
#pragma once
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "kernels/api/norm.h"
#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/moments.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {

/// Nulls count as such.
bool all_channels_last(std::initializer_list<const TensorView*> views);

/// Scratch of both passes: sums by part, rows of parameters.
struct NormRoom {
  double* sums;       // parts x 2 x width
  float* partial;     // parts x 2 x width
  float* parameters;  // kParameters x width
  float* more;        // what else was asked for
  std::int64_t width;
  int parts;

  NormRoom(ExecContext& ctx, const Columns& m);
  /// For passes of another division, and with more floats for the kernel's own use.
  NormRoom(ExecContext& ctx, const Columns& m, int parts, std::int64_t more_floats);
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
    add_parts(m);
  }
  void add_parts(const Columns& m) const;

 private:
  static constexpr std::int64_t kParameters = 5;
};

/// pass(begin, end, c) over all rows, by blocks of elements of so many bytes; each thread from its last block to its
/// first, which the pass before left in the cache.
template <class F>
void over_rows(const ExecContext& ctx, const Columns& m, std::size_t element, F pass) {
  constexpr std::size_t kBlockBytes = 64 * 1024;
  const std::int64_t rows = std::max<std::int64_t>(1, static_cast<std::int64_t>(kBlockBytes / element) / m.width());
  const auto backwards = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t stop = end; stop > begin; stop -= std::min(rows, stop - begin))
      pass(std::max(begin, stop - rows), stop, m.width());
  };
  parallel_for(ctx.threads(), m.wide_rows, row_grain(m.width()), backwards, Order::Backwards);
  if (m.rest) pass(m.wide_rows * m.fold, m.wide_rows * m.fold + m.rest, m.c);
}

/// What a batch's statistics are written to; the last two may be null.
struct NormStatistics {
  const TensorView &mean, &invstd;
  const TensorView *running_mean, *running_var;

  /// Column k of `rows` rows. Returns 1/std before it is rounded.
  double set(std::int64_t k, ColumnMoments moments, std::int64_t rows, const BatchNormParams& p) const;
};

/// The first row of `room` is there, m.c wide: widens it, and writes the other two behind it.
void spread_parameters(const Columns& m, const TensorView& beta, const TensorView& mean, float* room);

/// Rows of `room` (three of m.width()) that a batch is normalised with: scale, beta, mean. moments_of(k) gives column
/// k's moments, which become the batch's statistics; scale_from(k, 1/std) its scale.
template <class Moments, class Scale>
void batch_parameters(const Columns& m, const NormStatistics& statistics, std::int64_t rows, const TensorView& beta,
                      const BatchNormParams& p, float* room, Moments moments_of, Scale scale_from) {
  for (std::int64_t k = 0; k < m.c; ++k) room[k] = scale_from(k, statistics.set(k, moments_of(k), rows, p));
  spread_parameters(m, beta, statistics.mean, room);
}

/// Those rows of a batch whose moments a convolution has taken (2,C, double).
void parameters_from_moments(const Columns& m, const NormStatistics& statistics, std::int64_t rows,
                             const TensorView& moments, const TensorView& gamma, const TensorView& beta,
                             const BatchNormParams& p, float* room);

/// y = act((x - mean) scale + beta + residual) of elements stored as T, by the loop `pass`; `parameters`: those three
/// rows.
template <class T, class Args>
void apply_norm(const ExecContext& ctx, const Columns& m, const TensorView& x, const TensorView* residual,
                const TensorView& y, const float* parameters, Activation activation,
                void (*pass)(const Args&, std::int64_t, std::int64_t, std::int64_t)) {
  const Bounds bounds = bounds_of(activation);
  const float *beta = parameters + m.width(), *mean = beta + m.width();
  const Args a{x.as<T>(), residual ? residual->as<T>() : nullptr, y.as<T>(), mean, parameters, beta, bounds.lo,
               bounds.hi};
  over_rows(ctx, m, sizeof(T),
            [&](std::int64_t begin, std::int64_t end, std::int64_t width) { pass(a, begin, end, width); });
}

/// Evaluation's rows of `room`: scale = gamma / std, beta, mean.
void evaluation_parameters(const Columns& m, const TensorView& gamma, const TensorView& beta, const TensorView& mean,
                           const TensorView& var, double eps, float* room);

/// gamma times the rounded 1/std, which forward and backward both have: the mask of an activation that is found from x
/// is then that of y to the bit.
float scale_of(const TensorView& gamma, const TensorView& invstd, std::int64_t k);

/// Writes dgamma and dbeta, where wanted, from sums of dz and dz*(x - mean), and dx's m1 and m2.
void gradient_parameters(const NormRoom& room, const TensorView& invstd, std::int64_t rows, const BatchNormGrads& out,
                         float* m1, float* m2);

}  // namespace fledge::cpu
