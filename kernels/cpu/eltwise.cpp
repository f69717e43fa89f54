// Unary and binary elementwise functions: views become a loop nest, whose innermost runs go to the SIMD functions.
#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/loop_nest.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

// The SIMD files know the operations by number (kernels/cpu/simd/eltwise.cpp).
static_assert(int(UnaryOp::ReLU) == 0 && int(UnaryOp::ReLU6) == 1 && int(UnaryOp::Exp) == 2 && int(UnaryOp::Log) == 3 &&
              int(UnaryOp::Sqrt) == 4 && int(UnaryOp::Square) == 5 && int(UnaryOp::Abs) == 6 &&
              int(UnaryOp::Clamp) == 7 && int(UnaryOp::Affine) == 8 && int(UnaryOp::Softplus) == 9);
static_assert(int(BinaryOp::Add) == 0 && int(BinaryOp::Sub) == 1 && int(BinaryOp::Mul) == 2 && int(BinaryOp::Div) == 3);

constexpr std::int64_t kShortRun = 8;  // below this the call per run costs more than the reference's loop

/// Calls f(offsets, n) for pieces of the innermost runs, divided among threads. `inner_ok` was checked by the caller.
template <int VIEWS, class F>
void for_runs(ExecContext& ctx, const LoopNest<VIEWS>& nest, F f) {
  const auto inner = nest.inner();
  const std::int64_t outer = nest.outer_size();
  if (outer == 1) {
    parallel_flat(ctx.threads(), inner.size, row_grain(1), [&](std::int64_t begin, std::int64_t end) {
      std::array<std::int64_t, VIEWS> o;
      for (int v = 0; v < VIEWS; ++v) o[v] = begin * inner.strides[v];
      f(o, end - begin);
    });
    return;
  }
  parallel_for(ctx.threads(), outer, row_grain(inner.size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(nest.offsets(i), inner.size);
  });
}

template <int VIEWS>
bool short_runs(const LoopNest<VIEWS>& nest) {
  return nest.rank > 1 && nest.inner().size < kShortRun;
}

void unary(ExecContext& ctx, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  if (y.numel() == 0) return;
  const LoopNest<2> nest(y.dims, {&y.strides, &x.strides});
  const auto inner = nest.inner();
  if (inner.strides[0] != 1 || inner.strides[1] != 1 || short_runs(nest))
    return reference().eltwise.unary(ctx, op, x, y, p);
  for_runs(ctx, nest, [&](const auto& o, std::int64_t n) {
    simd().unary(int(op), x.as<float>() + o[1], y.as<float>() + o[0], n, static_cast<float>(p.a),
                 static_cast<float>(p.b));
  });
}

void unary_backward(ExecContext& ctx, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView& y,
                    const TensorView& dx, const UnaryParams& p) {
  if (dx.numel() == 0) return;
  const LoopNest<4> nest(dx.dims, {&dx.strides, &dy.strides, &x.strides, &y.strides});
  const auto inner = nest.inner();
  if (std::any_of(inner.strides.begin(), inner.strides.end(), [](std::int64_t s) { return s != 1; }) ||
      short_runs(nest))
    return reference().eltwise.unary_backward(ctx, op, dy, x, y, dx, p);
  for_runs(ctx, nest, [&](const auto& o, std::int64_t n) {
    simd().unary_grad(int(op), dy.as<float>() + o[1], x.as<float>() + o[2], y.as<float>() + o[3], dx.as<float>() + o[0],
                      n, static_cast<float>(p.a), static_cast<float>(p.b));
  });
}

/// Flat, scalar, row vector, column vector: all are runs whose inputs step by 1 or stand still.
void binary(ExecContext& ctx, BinaryOp op, const TensorView& a, const TensorView& b, const TensorView& y) {
  if (y.numel() == 0) return;
  const LoopNest<3> nest(y.dims, {&y.strides, &a.strides, &b.strides});
  const auto inner = nest.inner();
  const auto steps = [](std::int64_t s) { return s == 0 || s == 1; };
  if (inner.strides[0] != 1 || !steps(inner.strides[1]) || !steps(inner.strides[2]) || short_runs(nest))
    return reference().eltwise.binary(ctx, op, a, b, y);
  for_runs(ctx, nest, [&](const auto& o, std::int64_t n) {
    simd().binary(int(op), a.as<float>() + o[1], int(inner.strides[1]), b.as<float>() + o[2], int(inner.strides[2]),
                  y.as<float>() + o[0], n);
  });
}

}  // namespace

void overlay_eltwise(KernelTable& t) {
  t.eltwise.unary = &unary;
  t.eltwise.unary_backward = &unary_backward;
  t.eltwise.binary = &binary;
}

}  // namespace fledge::cpu
