#include "kernels/onednn/gemm.h"

#include <algorithm>
#include <cstring>

#include "kernels/onednn/build.h"
#include "kernels/onednn/parts.h"

namespace fledge::onednn {
namespace {

using dnnl::memory;
namespace operand {
enum { a, b, c, scratch, bias };
}

/// rows x cols of op(m), which is stored row-major, or column-major when transposed; then of `stored_rows`, 0 for rows.
memory::desc matrix(std::int64_t rows, std::int64_t cols, memory::data_type type, bool transposed,
                    std::int64_t stored_rows = 0) {
  return memory::desc({rows, cols}, type,
                      transposed ? memory::dims{1, stored_rows ? stored_rows : rows} : memory::dims{cols, 1});
}

PlanList matmul_plans(const MatmulKey& key) {
  const memory::data_type type = data_type_of(key.dtype);
  const auto a = matrix(key.m, key.k, type, key.transpose_a, key.stored_rows), c = matrix(key.m, key.n, type, false);
  const auto plain_b = matrix(key.k, key.n, type, key.transpose_b);
  const auto b = key.pack_b ? memory::desc({key.k, key.n}, type, memory::format_tag::any) : plain_b;
  const auto bias = memory::desc({1, key.n}, memory::data_type::f32, memory::dims{key.n, 1});
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  auto describe = [&] {
    return key.bias ? dnnl::matmul::primitive_desc(engine(), a, b, bias, c, attr)
                    : dnnl::matmul::primitive_desc(engine(), a, b, c, attr);
  };
  return build_plans(key, describe, [&](const dnnl::matmul::primitive_desc& pd) {
    auto plan = std::make_unique<Plan>();
    plan->main = Executable(dnnl::matmul(pd));
    plan->scratch = pd.scratchpad_desc().get_size();
    plan->implementation = pd.impl_info_str();
    plan->main.add(DNNL_ARG_SRC, a);
    plan->main.add(DNNL_ARG_WEIGHTS, pd.weights_desc());
    plan->main.add(DNNL_ARG_DST, c);
    plan->main.add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
    if (key.bias) plan->main.add(DNNL_ARG_BIAS, bias);
    plan_packing(*plan, plain_b, pd.weights_desc(), /*unpack=*/false);
    return plan;
  });
}

/// An empty sum: c is the bias, or zero.
void fill_with_bias(const TensorView& c, const TensorView* bias) {
  const std::int64_t rows = c.dims[0], cols = c.dims[1];
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = c.as<float>() + r * cols;
    if (bias)
      std::copy_n(bias->as<float>(), cols, row);
    else
      std::fill_n(row, cols, 0.0f);
  }
}

/// stored_rows: of a transposed `a` that has more of them than c has; else 0.
void multiply(ExecContext& ctx, std::int64_t stored_rows, const TensorView& a, const TensorView& b,
              const TensorView* bias, const TensorView& c, const MatmulParams& params) {
  const MatmulKey key{.dtype = static_cast<std::int64_t>(a.dtype),
                      .m = c.dims[0],
                      .n = c.dims[1],
                      .k = b.dims[params.transpose_b ? 1 : 0],
                      .transpose_a = params.transpose_a,
                      .transpose_b = params.transpose_b,
                      .bias = bias != nullptr,
                      .pack_b = params.b_is_weight && b.holder,
                      .stored_rows = stored_rows,
                      .threads = ctx.threads()};
  run_plan(ctx, "matmul", key, matmul_plans, [&](Plan& plan, const dnnl::stream& stream) {
    const Plan::Scratch scratch = plan.take_scratch(ctx, needs_room(plan, b));
    const void* packed = packed_weight(plan, stream, b, scratch);
    plan.main.set(operand::a, a.data);
    plan.main.set(operand::b, packed);
    plan.main.set(operand::c, c.data);
    plan.main.set(operand::scratch, scratch.work);
    if (bias) plan.main.set(operand::bias, bias->data);
    plan.main.run(stream);
  });
}

/// Some rows of c at a time, each by one thread.
void multiply_in_parts(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias,
                       const TensorView& c, const MatmulParams& params) {
  constexpr std::int64_t kFewestRows = 8;  // or the other matrix is read too often
  const std::int64_t rows = c.dims[0], inner = a.dims[params.transpose_a ? 0 : 1];
  for_parts(ctx, parts_of(rows / kFewestRows, rows * c.dims[1] * inner), rows, [&](const Part& part) {
    TensorView mine = a;
    mine.data = a.as<float>() + part.begin * (params.transpose_a ? 1 : inner);
    multiply(part.lane, params.transpose_a ? rows : 0, mine, b, bias, rows_of(c, part), params);
  });
}

}  // namespace

void matmul(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& params) {
  if (c.numel() == 0) return;
  if (a.dims[params.transpose_a ? 0 : 1] == 0) return fill_with_bias(c, bias);
  if (in_parts(ctx)) return multiply_in_parts(ctx, a, b, bias, c, params);
  multiply(ctx, 0, a, b, bias, c, params);
}

}  // namespace fledge::onednn
