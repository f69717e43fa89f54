// Row-wise functions of a contiguous matrix, and L2 normalisation: rows are divided among threads.
#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

bool all_contiguous(std::initializer_list<const TensorView*> views) {
  return std::all_of(views.begin(), views.end(), [](const TensorView* v) { return is_contiguous(*v); });
}

/// f(first_row, rows, c) for the parts of x's rows.
template <class F>
void for_rows(ExecContext& ctx, const TensorView& x, F f) {
  const std::int64_t c = x.dims[1];
  parallel_for(ctx.threads(), x.dims[0], row_grain(8 * c), [&](std::int64_t begin, std::int64_t end) {
    if (begin < end) f(begin, end - begin, c);
  });
}

void softmax(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  if (!all_contiguous({&x, &y})) return reference().reduce.softmax(ctx, x, y);
  for_rows(ctx, x, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().softmax(x.as<float>() + r * c, y.as<float>() + r * c, n, c);
  });
}

void log_softmax(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  if (!all_contiguous({&x, &y})) return reference().reduce.log_softmax(ctx, x, y);
  for_rows(ctx, x, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().log_softmax(x.as<float>() + r * c, y.as<float>() + r * c, n, c);
  });
}

void log_sum_exp(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  if (!all_contiguous({&x, &y})) return reference().reduce.log_sum_exp(ctx, x, y);
  for_rows(ctx, x, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().log_sum_exp(x.as<float>() + r * c, y.as<float>() + r, n, c);
  });
}

void softmax_backward(ExecContext& ctx, const TensorView& dy, const TensorView& y, const TensorView& dx) {
  if (!all_contiguous({&dy, &y, &dx})) return reference().reduce.softmax_backward(ctx, dy, y, dx);
  for_rows(ctx, dx, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().softmax_grad(dy.as<float>() + r * c, y.as<float>() + r * c, dx.as<float>() + r * c, n, c);
  });
}

void log_softmax_backward(ExecContext& ctx, const TensorView& dy, const TensorView& y, const TensorView& dx) {
  if (!all_contiguous({&dy, &y, &dx})) return reference().reduce.log_softmax_backward(ctx, dy, y, dx);
  for_rows(ctx, dx, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().log_softmax_grad(dy.as<float>() + r * c, y.as<float>() + r * c, dx.as<float>() + r * c, n, c);
  });
}

void log_sum_exp_backward(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& y,
                          const TensorView& dx) {
  if (!all_contiguous({&dy, &x, &y, &dx})) return reference().reduce.log_sum_exp_backward(ctx, dy, x, y, dx);
  for_rows(ctx, dx, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().log_sum_exp_grad(dy.as<float>() + r, x.as<float>() + r * c, y.as<float>() + r, dx.as<float>() + r * c, n, c);
  });
}

void l2_normalize(ExecContext& ctx, const TensorView& x, const TensorView& y, const TensorView& norm, double eps) {
  if (!all_contiguous({&x, &y, &norm})) return reference().distance.l2_normalize(ctx, x, y, norm, eps);
  for_rows(ctx, x, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().l2_normalize(x.as<float>() + r * c, y.as<float>() + r * c, norm.as<float>() + r, n, c, eps);
  });
}

void l2_normalize_backward(ExecContext& ctx, const TensorView& dy, const TensorView& y, const TensorView& norm,
                           const TensorView& dx, double eps) {
  if (!all_contiguous({&dy, &y, &norm, &dx}))
    return reference().distance.l2_normalize_backward(ctx, dy, y, norm, dx, eps);
  for_rows(ctx, dx, [&](std::int64_t r, std::int64_t n, std::int64_t c) {
    simd().l2_normalize_grad(dy.as<float>() + r * c, y.as<float>() + r * c, norm.as<float>() + r,
                             dx.as<float>() + r * c, n, c, eps);
  });
}

}  // namespace

void overlay_rows(KernelTable& t) {
  t.reduce.softmax = &softmax;
  t.reduce.softmax_backward = &softmax_backward;
  t.reduce.log_softmax = &log_softmax;
  t.reduce.log_softmax_backward = &log_softmax_backward;
  t.reduce.log_sum_exp = &log_sum_exp;
  t.reduce.log_sum_exp_backward = &log_sum_exp_backward;
  t.distance.l2_normalize = &l2_normalize;
  t.distance.l2_normalize_backward = &l2_normalize_backward;
}

}  // namespace fledge::cpu
