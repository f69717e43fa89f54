#include "kernels/cudnn/gemm.h"

#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cudnn/epilogue.h"
#include "kernels/cudnn/state.h"
#include "kernels/cudnn/table.h"

namespace fledge::cudnn {
namespace {

constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;  // what NVIDIA advises for Hopper

template <class T>
void set(const LtProduct& product, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  check(cublasLtMatmulDescSetAttribute(product.get(), attribute, &value, sizeof value));
}
template <class T>
void set(const LtPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
}

LtLayout layout(std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t l = nullptr;
  check(cublasLtMatrixLayoutCreate(&l, CUDA_R_32F, rows, columns, rows));
  return LtLayout(l);
}

/// Fills in the algorithm; CUBLAS_STATUS_NOT_SUPPORTED when there is none.
cublasStatus_t find_algorithm(cublasLtHandle_t handle, const GemmKey& key, GemmPlan& plan) {
  cublasLtMatmulPreference_t made = nullptr;
  check(cublasLtMatmulPreferenceCreate(&made));
  const LtPreference preference(made);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  const auto bytes = static_cast<std::uint32_t>(key.alignment);
  for (const auto attribute : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(preference, attribute, bytes);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, plan.product.get(), plan.first.get(), plan.second.get(), plan.result.get(),
                                     plan.result.get(), preference.get(), 1, &found, &count);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (count == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  plan.algorithm = found.algo;
  plan.workspace = found.workspaceSize;
  return CUBLAS_STATUS_SUCCESS;
}

void run(State& state, const GemmPlan& plan, const TensorView& a, const TensorView& b, const TensorView* bias,
         const TensorView& c) {
  if (plan.bias_fused) set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias->data);
  const cuda::Scratch scratch(plan.workspace);
  const float one = 1, none = 0;
  check(cublasLtMatmul(state.cublas, plan.product.get(), &one, b.data, plan.first.get(), a.data, plan.second.get(),
                       &none, c.data, plan.result.get(), c.data, plan.result.get(), &plan.algorithm, scratch.as<void>(),
                       plan.workspace, cuda::stream()));
}

}  // namespace

std::string describe(const GemmKey& key) {
  std::string d = "m" + std::to_string(key.m) + "n" + std::to_string(key.n) + "k" + std::to_string(key.k);
  if (key.transpose_a) d += " transpose_a";
  if (key.transpose_b) d += " transpose_b";
  if (key.bias) d += " bias";
  return d + (key.tf32 ? " float32 (TF32)" : " float32");
}

GemmPlan describe_product(const GemmKey& key) {
  // cuBLAS thinks in columns: a row-major m x n matrix is its n x m one, so c = a b becomes c' = b' a'.
  GemmPlan plan;
  cublasLtMatmulDesc_t product = nullptr;
  check(cublasLtMatmulDescCreate(&product, key.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F));
  plan.product.reset(product);
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  plan.first = key.transpose_b ? layout(key.k, key.n) : layout(key.n, key.k);
  plan.second = key.transpose_a ? layout(key.m, key.k) : layout(key.k, key.m);
  plan.result = layout(key.n, key.m);
  return plan;
}

GemmPlan make_gemm_plan(cublasLtHandle_t handle, const GemmKey& key, const void* bias) {
  GemmPlan plan = describe_product(key);
  if (bias) {
    set(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    plan.bias_fused = find_algorithm(handle, key, plan) == CUBLAS_STATUS_SUCCESS;
    if (plan.bias_fused) return plan;
    set(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  }
  check(find_algorithm(handle, key, plan));
  return plan;
}

void matmul(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& params) {
  constexpr const char* op = "matmul";
  if (c.numel() == 0) return;
  const GemmKey key{.m = c.dims[0],
                    .n = c.dims[1],
                    .k = a.dims[params.transpose_a ? 0 : 1],
                    .transpose_a = params.transpose_a,
                    .transpose_b = params.transpose_b,
                    .bias = bias != nullptr,
                    .tf32 = ctx.precision == Precision::TF32,
                    .alignment = common_alignment(a.data, b.data, c.data, bias ? bias->data : nullptr)};
  bool add_bias = bias != nullptr;
  if (key.k == 0) {  // an empty sum
    const std::size_t bytes = static_cast<std::size_t>(c.numel()) * sizeof(float);
    cuda::check(cudaMemsetAsync(c.data, 0, bytes, cuda::stream()), op);
  } else {
    try {
      State& state = state_of(ctx);
      GemmPlan* plan = state.products.find(key);
      if (!plan) plan = &state.products.insert(key, make_gemm_plan(state.cublas, key, bias ? bias->data : nullptr));
      run(state, *plan, a, b, bias, c);
      add_bias = add_bias && !plan->bias_fused;
    } catch (const VendorError& e) {
      rethrow(e, "cuBLAS " + cublas_version(), op, describe(key));
    }
  }
  if (add_bias) apply_epilogue(DType::Float32, c.data, bias->as<float>(), nullptr, Activation::None, key.m, key.n);
}

}  // namespace fledge::cudnn
