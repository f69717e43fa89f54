// Pairwise distances and their gradient. Forward works on 4 x 4 tiles of rows widened to double; a matrix against
// itself computes the upper triangle only. Backward sums weighted differences row by row.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

constexpr std::int64_t kTile = 4;

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

/// Rows as doubles, `ld` apart, zero-padded to whole tiles.
void widen(const TensorView& m, double* to, std::int64_t ld) {
  const std::int64_t rows = m.dims[0], c = m.dims[1];
  std::fill(to, to + round_up(rows, kTile) * ld, 0.0);
  for (std::int64_t i = 0; i < rows; ++i) simd().float_to_double(m.as<float>() + i * c, to + i * ld, c);
}

struct Problem {
  const double *a, *b;
  float* d;
  std::int64_t rows, columns, ld;
  bool self;  // b is a: d is symmetric
  const PairwiseDistanceParams* params;

  float finish(double squares, bool diagonal) const {
    if (diagonal && params->zero_diagonal) return 0;
    return static_cast<float>(params->squared ? squares : std::sqrt(std::max(squares, params->clamp)));
  }
  void tile(std::int64_t i0, std::int64_t j0) const {
    double squares[kTile * kTile];
    simd().distance_4x4(a + i0 * ld, b + j0 * ld, ld, squares);
    for (std::int64_t i = i0; i < std::min(i0 + kTile, rows); ++i)
      for (std::int64_t j = j0; j < std::min(j0 + kTile, columns); ++j) {
        const float v = finish(squares[kTile * (i - i0) + j - j0], self && i == j);
        d[i * columns + j] = v;
        if (self) d[j * columns + i] = v;
      }
  }
  void tile_row(std::int64_t t) const {
    for (std::int64_t j = self ? t * kTile : 0; j < columns; j += kTile) tile(t * kTile, j);
  }
};

void pairwise_distance(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView& d,
                       const PairwiseDistanceParams& p) {
  if (d.numel() == 0 || !is_contiguous(a) || !is_contiguous(b) || !is_contiguous(d))
    return reference().distance.pairwise_distance(ctx, a, b, d, p);
  const bool self = a.data == b.data && a.dims == b.dims;
  const std::int64_t ld = round_up(a.dims[1], 8), rows = a.dims[0], columns = b.dims[0];
  const std::int64_t a_size = round_up(rows, kTile) * ld, b_size = self ? 0 : round_up(columns, kTile) * ld;
  auto* wide = static_cast<double*>(ctx.scratch(static_cast<std::size_t>(a_size + b_size) * sizeof(double)));
  widen(a, wide, ld);
  if (!self) widen(b, wide + a_size, ld);
  const Problem problem{wide, self ? wide : wide + a_size, d.as<float>(), rows, columns, ld, self, &p};
  const std::int64_t tiles = (rows + kTile - 1) / kTile, pairs = (tiles + 1) / 2;
  // First with last, second with last but one: equal work in every pair of a triangle's rows.
  parallel_for(ctx.threads(), pairs, row_grain(kTile * columns * ld), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      problem.tile_row(t);
      if (tiles - 1 - t != t) problem.tile_row(tiles - 1 - t);
    }
  });
}

/// dd_ij times the factor in front of (a_i - b_j); 0 where the distance was clamped and on a zero diagonal.
void pair_weights(const TensorView& dd, const TensorView& d, bool zero_diagonal, const PairwiseDistanceParams& p,
                  float* g) {
  const std::int64_t rows = d.dims[0], columns = d.dims[1];
  const float smallest = static_cast<float>(std::sqrt(p.clamp));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t at = i * columns + j;
      const float upstream = dd.as<float>()[at], distance = d.as<float>()[at];
      if (zero_diagonal && i == j)
        g[at] = 0;
      else if (p.squared)
        g[at] = 2 * upstream;
      else
        g[at] = distance > smallest ? upstream / distance : 0;
    }
}

/// da_i = sum_j g_ij (a_i - b_j) for all rows of a.
void differences(ExecContext& ctx, const float* g, const TensorView& a, const TensorView& b, const TensorView& da) {
  const std::int64_t c = a.dims[1], others = b.dims[0];
  parallel_for(ctx.threads(), a.dims[0], row_grain(others * c), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      simd().weighted_differences(g + i * others, a.as<float>() + i * c, b.as<float>(), da.as<float>() + i * c, others,
                                  c);
  });
}

void pairwise_distance_backward(ExecContext& ctx, const TensorView& dd, const TensorView& a, const TensorView& b,
                                const TensorView& d, const TensorView* da, const TensorView* db, bool self,
                                const PairwiseDistanceParams& p) {
  const auto ok = [](const TensorView* v) { return !v || is_contiguous(*v); };
  if (d.numel() == 0 || !ok(&dd) || !ok(&a) || !ok(&b) || !ok(&d) || !ok(da) || !ok(db))
    return reference().distance.pairwise_distance_backward(ctx, dd, a, b, d, da, db, self, p);
  const std::int64_t rows = d.dims[0], columns = d.dims[1], n = rows * columns;
  auto* g = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(2 * n) * sizeof(float)));
  float* turned = g + n;
  pair_weights(dd, d, self && p.zero_diagonal, p, g);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) turned[j * rows + i] = g[i * columns + j];
  if (self)
    for (std::int64_t k = 0; k < n; ++k) g[k] += turned[k];
  if (da) differences(ctx, g, a, b, *da);
  if (db) differences(ctx, turned, b, a, *db);
}

}  // namespace

void overlay_distance(KernelTable& t) {
  t.distance.pairwise_distance = &pairwise_distance;
  t.distance.pairwise_distance_backward = &pairwise_distance_backward;
}

}  // namespace fledge::cpu
