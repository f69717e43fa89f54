// Unary and binary elementwise functions in mixed precision, on runs that are contiguous in every view.
#include <algorithm>

#include "kernels/cpu/bf16/blocks.h"
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/loop_nest.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu::bf16 {
namespace {

/// f(offsets, n) for blocks of the innermost runs; a view whose step is 0 stays where it is.
template <int VIEWS, class F>
void for_run_blocks(ExecContext& ctx, const LoopNest<VIEWS>& nest, F f) {
  const auto inner = nest.inner();
  const auto run = [&](std::array<std::int64_t, VIEWS> at, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += kRunFloats) {
      std::array<std::int64_t, VIEWS> o = at;
      for (int v = 0; v < VIEWS; ++v) o[v] += i * inner.strides[v];
      f(o, std::min(kRunFloats, end - i));
    }
  };
  const std::int64_t outer = nest.outer_size();
  if (outer == 1)
    return parallel_flat(ctx.threads(), inner.size, row_grain(1),
                         [&](std::int64_t begin, std::int64_t end) { run({}, begin, end); });
  parallel_for(ctx.threads(), outer, row_grain(inner.size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) run(nest.offsets(i), 0, inner.size);
  });
}

/// Whether every view steps by 1, inputs (behind the first view) perhaps by 0, in runs worth a call.
template <int VIEWS>
bool has_runs(const LoopNest<VIEWS>& nest, bool broadcast) {
  constexpr std::int64_t kShortest = 8;
  const auto inner = nest.inner();
  if (inner.strides[0] != 1 || (nest.rank > 1 && inner.size < kShortest)) return false;
  return std::all_of(inner.strides.begin(), inner.strides.end(),
                     [&](std::int64_t s) { return s == 1 || (broadcast && s == 0); });
}

void narrow_unary(ExecContext& ctx, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  if (y.numel() == 0) return;
  const LoopNest<2> nest(y.dims, {&y.strides, &x.strides});
  if (!has_runs(nest, false)) return plain().eltwise.unary(ctx, op, x, y, p);
  for_run_blocks(ctx, nest, [&](const auto& at, std::int64_t n) {
    float v[kRunFloats];
    widen(x.as<std::uint16_t>() + at[1], v, n);
    simd().unary(int(op), v, v, n, static_cast<float>(p.a), static_cast<float>(p.b));
    narrow(v, y.as<std::uint16_t>() + at[0], n);
  });
}

/// By x alone, as on a GPU: y was rounded.
void narrow_unary_backward(ExecContext& ctx, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView& y,
                           const TensorView& dx, const UnaryParams& p) {
  if (dx.numel() == 0) return;
  const LoopNest<3> nest(dx.dims, {&dx.strides, &dy.strides, &x.strides});
  if (!has_runs(nest, false)) return plain().eltwise.unary_backward(ctx, op, dy, x, y, dx, p);
  const auto a = static_cast<float>(p.a), b = static_cast<float>(p.b);
  for_run_blocks(ctx, nest, [&](const auto& at, std::int64_t n) {
    float g[kRunFloats], v[kRunFloats], value[kRunFloats];
    widen(dy.as<std::uint16_t>() + at[1], g, n);
    widen(x.as<std::uint16_t>() + at[2], v, n);
    if (op == UnaryOp::Exp || op == UnaryOp::Sqrt) simd().unary(int(op), v, value, n, a, b);
    simd().unary_grad(int(op), g, v, value, g, n, a, b);
    narrow(g, dx.as<std::uint16_t>() + at[0], n);
  });
}

void narrow_binary(ExecContext& ctx, BinaryOp op, const TensorView& a, const TensorView& b, const TensorView& y) {
  if (y.numel() == 0) return;
  const LoopNest<3> nest(y.dims, {&y.strides, &a.strides, &b.strides});
  if (!has_runs(nest, true)) return plain().eltwise.binary(ctx, op, a, b, y);
  const int step_a = int(nest.inner().strides[1]), step_b = int(nest.inner().strides[2]);
  for_run_blocks(ctx, nest, [&](const auto& at, std::int64_t n) {
    float u[kRunFloats], v[kRunFloats];
    widen(a.as<std::uint16_t>() + at[1], u, step_a ? n : 1);
    widen(b.as<std::uint16_t>() + at[2], v, step_b ? n : 1);
    float* result = step_a ? u : v;
    if (!step_a && !step_b) {
      simd().binary(int(op), u, 0, v, 0, u, 1);
      simd().fill(v, u[0], n);
    } else {
      simd().binary(int(op), u, step_a, v, step_b, result, n);
    }
    narrow(result, y.as<std::uint16_t>() + at[0], n);
  });
}

}  // namespace

void overlay_eltwise(KernelTable& t) {
  t.eltwise.unary = &narrow_unary;
  t.eltwise.unary_backward = &narrow_unary_backward;
  t.eltwise.binary = &narrow_binary;
}

}  // namespace fledge::cpu::bf16
