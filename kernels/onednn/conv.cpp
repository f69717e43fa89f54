#include "kernels/onednn/conv.h"

#include <cstring>

#include "kernels/onednn/conv_plan.h"
#include "kernels/onednn/grad_weight_parts.h"
#include "kernels/onednn/invalid_operation.h"
#include "kernels/onednn/parts.h"

namespace fledge::onednn {
namespace {

ConvKey conv_key(ConvDirection direction, const ExecContext& ctx, const TensorView& x, const TensorView& w,
                 const Conv2dParams& p) {
  return {conv_problem(direction, x.dtype, x.dims, w.dims, p), ctx.threads()};
}

/// f(part) for the parts of a problem, divided by pictures.
template <class F>
void for_pictures(ExecContext& ctx, const ConvKey& key, F f) {
  for_parts(ctx, parts_of(key.n, key.work()), key.n, f);
}

void zero(const TensorView& t) {
  if (t.numel() > 0) std::memset(t.data, 0, static_cast<std::size_t>(t.numel()) * size_of(t.dtype));
}

/// The primitive of `key`, on these operands.
void run_forward(ExecContext& ctx, const ConvKey& key, const TensorView& x, const TensorView& w,
                 const ConvEpilogue& epilogue, const TensorView& y) {
  run_plan(ctx, "conv2d", key, conv_forward_plans, [&](Plan& plan, const dnnl::stream& stream) {
    const Plan::Scratch scratch = plan.take_scratch(ctx, needs_room(plan, w));
    const void* packed = packed_weight(plan, stream, w, scratch);
    plan.main.set(forward_operand::x, x.data);
    plan.main.set(forward_operand::w, packed);
    plan.main.set(forward_operand::y, y.data);
    plan.main.set(forward_operand::scratch, scratch.work);
    int operand = forward_operand::first_optional;
    if (key.epilogue & kBias) plan.main.set(operand++, epilogue.bias->data);
    if (key.epilogue & kResidual) plan.main.set(operand++, epilogue.residual->data);
    plan.main.run(stream);
  });
}

/// The activation in place; NaN stays NaN.
void activate(const TensorView& y, bool six) {
  const std::int64_t n = y.numel();
  if (y.dtype == DType::BFloat16) {
    constexpr BFloat16 kSix{0x40C0};
    auto* v = y.as<BFloat16>();
#pragma omp parallel for
    for (std::int64_t i = 0; i < n; ++i) v[i] = widen(v[i]) < 0 ? BFloat16{} : six && widen(v[i]) > 6 ? kSix : v[i];
    return;
  }
  float* v = y.as<float>();
#pragma omp parallel for
  for (std::int64_t i = 0; i < n; ++i) v[i] = v[i] < 0 ? 0 : six && v[i] > 6 ? 6 : v[i];
}

}  // namespace

void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& epilogue,
                          const TensorView& y, const Conv2dParams& params) {
  if (y.numel() == 0) return;
  ConvKey key = conv_key(ConvDirection::Forward, ctx, x, w, params);
  if (in_parts(ctx))
    return for_pictures(ctx, key, [&](const Part& part) {
      ConvEpilogue mine = epilogue;
      TensorView residual;
      if (mine.residual) residual = rows_of(*mine.residual, part), mine.residual = &residual;
      conv2d_forward_fused(part.lane, rows_of(x, part), w, mine, rows_of(y, part), params);
    });
  key.epilogue = epilogue_bits(epilogue, y);
  const std::int64_t activation = key.epilogue & (kReLU | kReLU6);
  // oneDNN's activations make 0 of NaN. Where one may have done so, the activation is a pass of its own. The flag may
  // also be older than this call, or come from making the plan: only the second time counts.
  if (activation && !(key.epilogue & kResidualInPlace))
    for (int round = 0; round < 2; ++round) {
      run_forward(ctx, key, x, w, epilogue, y);
      if (!take_invalid_operation(ctx.threads())) return;
    }
  key.epilogue &= ~activation;
  run_forward(ctx, key, x, w, epilogue, y);
  if (activation) activate(y, activation == kReLU6);
}

void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& params) {
  conv2d_forward_fused(ctx, x, w, {.bias = bias}, y, params);
}

void conv2d_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& params) {
  if (dy.numel() == 0) return zero(dx);
  const ConvKey key = conv_key(ConvDirection::GradInput, ctx, dx, w, params);
  if (in_parts(ctx))
    return for_pictures(ctx, key, [&](const Part& part) {
      conv2d_grad_input(part.lane, rows_of(dy, part), w, rows_of(dx, part), params);
    });
  run_plan(ctx, "conv2d_grad_input", key, conv_grad_input_plans, [&](Plan& plan, const dnnl::stream& stream) {
    const Plan::Scratch scratch = plan.take_scratch(ctx, needs_room(plan, w));
    const void* packed = packed_weight(plan, stream, w, scratch);
    plan.main.set(grad_input_operand::dy, dy.data);
    plan.main.set(grad_input_operand::w, packed);
    plan.main.set(grad_input_operand::dx, dx.data);
    plan.main.set(grad_input_operand::scratch, scratch.work);
    plan.main.run(stream);
  });
}

void conv2d_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& params) {
  if (dy.numel() == 0) return zero(dw);
  const ConvKey key = conv_key(ConvDirection::GradWeight, ctx, x, dw, params);
  if (in_parts(ctx)) return grad_weight_in_parts(ctx, key.work(), dy, x, dw, params);
  run_plan(ctx, "conv2d_grad_weight", key, conv_grad_weight_plans, [&](Plan& plan, const dnnl::stream& stream) {
    const Plan::Scratch scratch = plan.take_scratch(ctx, plan.packing.needed);
    void* packed = plan.packing.needed ? scratch.room : dw.data;
    plan.main.set(grad_weight_operand::dy, dy.data);
    plan.main.set(grad_weight_operand::x, x.data);
    plan.main.set(grad_weight_operand::dw, packed);
    plan.main.set(grad_weight_operand::scratch, scratch.work);
    plan.main.run(stream);
    if (!plan.packing.needed) return;
    plan.packing.reorder.set(0, packed);
    plan.packing.reorder.set(1, dw.data);
    plan.packing.reorder.set(2, scratch.work);
    plan.packing.reorder.run(stream);
  });
}

}  // namespace fledge::onednn
