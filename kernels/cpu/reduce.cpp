// Sum, mean, max and min of dense tensors, where the reduced axes are neighbours in memory: all elements, leading axes
// (the rows of channels-last data), the fastest axis, or axes in the middle. Other patterns are the reference's.
#include <algorithm>
#include <limits>

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/loop_nest.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

/// x seen as outer x reduced x inner, dense; y element (o, i) lies at o*outer_step + i.
struct Pattern {
  std::int64_t outer = 1, outer_step = 0, reduced = 1, inner = 1;
};

bool find_pattern(const TensorView& x, const TensorView& y, Pattern& p) {
  Dims y_strides = y.strides;
  for (int i = 0; i < x.dims.rank(); ++i)
    if (y.dims[i] != x.dims[i])
      y_strides[i] = 0;
    else if (x.dims[i] != 1 && y.strides[i] == 0)
      return false;
  const LoopNest<2> nest(x.dims, {&x.strides, &y_strides});
  std::int64_t expected = 1;
  for (int i = nest.rank - 1; i >= 0; --i) {
    if (nest.axes[i].strides[0] != expected) return false;
    expected *= nest.axes[i].size;
  }
  int i = nest.rank - 1;
  const auto kept = [&] { return i >= 0 && nest.axes[i].strides[1] != 0; };
  if (kept()) {
    if (nest.axes[i].strides[1] != 1) return false;
    p.inner = nest.axes[i--].size;
  }
  if (i < 0 || kept()) return false;  // nothing to reduce, or kept axes that do not merge
  p.reduced = nest.axes[i--].size;
  if (kept()) {
    p.outer = nest.axes[i].size;
    p.outer_step = nest.axes[i--].strides[1];
  }
  return i < 0;
}

void all_to_one(ExecContext& ctx, ReduceOp op, const float* x, std::int64_t n, float* y, double factor) {
  const bool sums = op == ReduceOp::Sum || op == ReduceOp::Mean;
  const int parts = sum_parts(ctx, n, row_grain(1));
  auto* partial = static_cast<double*>(ctx.scratch(static_cast<std::size_t>(parts) * sizeof(double)));
  parallel_sum(ctx, parts, n, [&](int part, std::int64_t begin, std::int64_t end) {
    partial[part] =
        sums ? simd().sum(x + begin, end - begin) : simd().extreme(op == ReduceOp::Max, x + begin, end - begin);
  });
  double total = partial[0];
  for (int part = 1; part < parts; ++part) {
    const double v = partial[part];
    if (sums)
      total += v;
    else if (v != v || (op == ReduceOp::Max ? v > total : v < total))
      total = v;
  }
  *y = static_cast<float>(total * factor);
}

void rows_to_one(ExecContext& ctx, ReduceOp op, const float* x, const Pattern& p, float* y, double factor) {
  const bool sums = op == ReduceOp::Sum || op == ReduceOp::Mean;
  parallel_for(ctx.threads(), p.outer, row_grain(p.reduced), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* row = x + i * p.reduced;
      y[i * p.outer_step] = sums ? static_cast<float>(simd().sum(row, p.reduced) * factor)
                                 : simd().extreme(op == ReduceOp::Max, row, p.reduced);
    }
  });
}

/// Columns of one matrix (outer 1) or of several.
void columns_to_one(ExecContext& ctx, const float* x, const Pattern& p, float* y, double factor) {
  if (p.outer == 1) {
    const double* s = column_sums(ctx, x, p.reduced, p.inner);
    for (std::int64_t k = 0; k < p.inner; ++k) y[k] = static_cast<float>(s[k] * factor);
    return;
  }
  const std::int64_t c = p.inner;
  const int threads = thread_count(ctx.threads(), p.outer, row_grain(p.reduced * c));
  auto* sums =
      static_cast<double*>(ctx.scratch(static_cast<std::size_t>(c * threads) * (sizeof(double) + sizeof(float))));
  auto* partial = reinterpret_cast<float*>(sums + c * threads);
  parallel_threads(threads, p.outer, [&](int thread, std::int64_t begin, std::int64_t end) {
    double* s = sums + thread * c;
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill(s, s + c, 0.0);
      simd().column_sums(x + i * p.reduced * c, p.reduced, c, s, partial + thread * c);
      for (std::int64_t k = 0; k < c; ++k) y[i * p.outer_step + k] = static_cast<float>(s[k] * factor);
    }
  });
}

void column_extremes(ExecContext& ctx, bool maximum, const float* x, const Pattern& p, float* y) {
  const float start = (maximum ? -1 : 1) * std::numeric_limits<float>::infinity();
  parallel_for(ctx.threads(), p.outer, row_grain(p.reduced * p.inner), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* to = y + i * p.outer_step;
      std::fill(to, to + p.inner, start);
      simd().column_extreme(maximum, x + i * p.reduced * p.inner, p.reduced, p.inner, to);
    }
  });
}

void reduce(ExecContext& ctx, ReduceOp op, const TensorView& x, const TensorView& y) {
  Pattern p;
  if (x.numel() == 0 || !find_pattern(x, y, p)) return reference().reduce.reduce(ctx, op, x, y);
  const double factor = op == ReduceOp::Mean ? 1.0 / static_cast<double>(p.reduced) : 1.0;
  const float* from = x.as<float>();
  float* to = y.as<float>();
  if (p.inner == 1 && p.outer == 1) return all_to_one(ctx, op, from, p.reduced, to, factor);
  if (p.inner == 1) return rows_to_one(ctx, op, from, p, to, factor);
  if (op == ReduceOp::Sum || op == ReduceOp::Mean) return columns_to_one(ctx, from, p, to, factor);
  column_extremes(ctx, op == ReduceOp::Max, from, p, to);
}

}  // namespace

void overlay_reduce(KernelTable& t) { t.reduce.reduce = &reduce; }

}  // namespace fledge::cpu
