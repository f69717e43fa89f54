#include "kernels/cudnn/conv.h"

#include "base/environment.h"
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"
#include "kernels/cudnn/choose.h"
#include "kernels/cudnn/epilogue.h"
#include "kernels/cudnn/table.h"

namespace fledge::cudnn {
namespace {

constexpr int kMostOperands = 5;

/// The vendor wants an array of addresses; what it only reads it does not write.
struct Operands {
  void* address[kMostOperands];
  int count = 0;

  void add(const TensorView& t) { address[count++] = t.data; }
};

ProblemKey aligned_key(ProblemKey key, const Operands& operands) {
  const auto at = [&](int i) { return i < operands.count ? operands.address[i] : nullptr; };  // null: well aligned
  key.alignment = common_alignment(at(0), at(1), at(2), at(3), at(4));
  return key;
}

/// Finds or makes the plan of the problem and runs it. Throws VendorError when cuDNN has no engine for it.
void run_plan(State& state, const ProblemKey& key, const Operands& operands) {
  const bool recording = cuda::capturing();
  const ConvPlan* plan = state.convolutions.find(key, recording);
  if (!plan)
    state.convolutions.insert(key, choose_and_run(state, key, operands.address, operands.count), recording);
  else
    run_candidate(state, *plan->graph, plan->candidate, plan->workspace, operands.address, operands.count);
}

void run(ExecContext& ctx, const char* op, const ProblemKey& problem, const Operands& operands) {
  const ProblemKey key = aligned_key(problem, operands);
  try {
    run_plan(state_of(ctx), key, operands);
  } catch (const VendorError& e) {
    rethrow(e, "cuDNN " + cudnn_version(), op, describe(key));
  }
}

void zero(const TensorView& t, const char* op) {
  if (t.numel() == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(t.numel()) * size_of(t.dtype);
  cuda::check(cudaMemsetAsync(t.data, 0, bytes, cuda::stream()), op);
}

/// Convolution and epilogue as one graph. False: cuDNN has no engine for it that is worth having (acceptable() says
/// which are), and nothing was written. Strict float32 never has: what cuDNN fuses for are the tensor cores.
bool run_fused(ExecContext& ctx, const char* op, const ProblemKey& problem, Operands operands, const ConvEpilogue& e) {
  static const bool allowed = environment_switch("FLEDGE_CUDNN_FUSE", true);
  if (!allowed || problem.epilogue == 0 || !(problem.bfloat16() || problem.tf32)) return false;
  const bool round_bias = e.bias && problem.bfloat16();
  const cuda::Scratch rounded(round_bias ? static_cast<std::size_t>(problem.k) * size_of(DType::BFloat16) : 0);
  if (e.residual) operands.add(*e.residual);
  if (e.bias) operands.add(*e.bias);
  if (round_bias) operands.address[operands.count - 1] = rounded.as<void>();
  const ProblemKey key = aligned_key(problem, operands);
  State& state = state_of(ctx);
  const ConvPlan* known = state.convolutions.find(key);
  if (known && !known->graph) return false;
  if (round_bias) narrow(e.bias->as<float>(), rounded.as<void>(), key.k);
  try {
    run_plan(state, key, operands);
    return true;
  } catch (const VendorError& error) {
    if (known) rethrow(error, "cuDNN " + cudnn_version(), op, describe(key));
    state.convolutions.insert(key, {});  // not asked again
    return false;
  }
}

}  // namespace

void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                          const TensorView& y, const Conv2dParams& params) {
  constexpr const char* op = "conv2d";
  if (y.numel() == 0) return;
  ProblemKey key = problem_key(ConvDirection::Forward, x.dtype, ctx.precision, x.dims, w.dims, params);
  Operands operands;
  operands.add(x);
  operands.add(w);
  operands.add(y);
  key.epilogue = epilogue_bits(e, y);
  const bool in_place = e.residual && e.residual->data == y.data;
  if (!in_place && run_fused(ctx, op, key, operands, e)) return;

  key.epilogue = 0;
  const void* residual = e.residual ? e.residual->data : nullptr;
  const std::size_t bytes = static_cast<std::size_t>(y.numel()) * size_of(y.dtype);
  const cuda::Scratch kept(in_place ? bytes : 0);
  if (in_place) {
    cuda::check(cudaMemcpyAsync(kept.as<void>(), y.data, bytes, cudaMemcpyDeviceToDevice, cuda::stream()), op);
    residual = kept.as<void>();
  }
  run(ctx, op, key, operands);
  apply_epilogue(y.dtype, y.data, e.bias ? e.bias->as<float>() : nullptr, residual, e.activation, y.numel() / y.dims[1],
                 y.dims[1]);
}

void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& params) {
  conv2d_forward_fused(ctx, x, w, {.bias = bias}, y, params);
}

void conv2d_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& params) {
  constexpr const char* op = "conv2d_grad_input";
  if (dx.numel() == 0) return;
  if (dy.numel() == 0) return zero(dx, op);
  Operands operands;
  operands.add(dy);
  operands.add(w);
  operands.add(dx);
  run(ctx, op, problem_key(ConvDirection::GradInput, dy.dtype, ctx.precision, dx.dims, w.dims, params), operands);
}

void conv2d_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& params) {
  constexpr const char* op = "conv2d_grad_weight";
  if (dw.numel() == 0) return;
  if (dy.numel() == 0 || x.numel() == 0) return zero(dw, op);
  // cuDNN writes a gradient in the type of its operands: float32 sums, rounded once at the end.
  const bool narrow = dw.dtype != x.dtype;
  const cuda::Scratch rounded(narrow ? static_cast<std::size_t>(dw.numel()) * size_of(x.dtype) : 0);
  TensorView result = dw;
  if (narrow) result.data = rounded.as<void>();
  Operands operands;
  operands.add(dy);
  operands.add(x);
  operands.add(result);
  run(ctx, op, problem_key(ConvDirection::GradWeight, x.dtype, ctx.precision, x.dims, dw.dims, params), operands);
  if (narrow) widen(result.data, dw.as<float>(), dw.numel());
}

}  // namespace fledge::cudnn
