// Matrix product through cuBLASLt, float32. Formula and shapes: kernels/api/gemm.h; all four transposes, optional bias.
#pragma once
#include <cublasLt.h>

#include <cstdint>
#include <memory>
#include <type_traits>

#include "kernels/api/gemm.h"

namespace fledge::cudnn {

/// Names a product: whole words only. m, n, k as in kernels/api/gemm.h.
struct GemmKey {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t transpose_a = 0, transpose_b = 0, bias = 0, tf32 = 0;
  std::int64_t alignment = 16;

  friend bool operator==(const GemmKey&, const GemmKey&) = default;
};

template <class Handle, cublasStatus_t (*kDestroy)(Handle)>
struct Destroy {
  void operator()(Handle h) const { kDestroy(h); }
};
template <class Handle, cublasStatus_t (*kDestroy)(Handle)>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<Handle, kDestroy>>;
using LtProduct = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LtLayout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using LtPreference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

struct GemmPlan {
  LtProduct product;
  LtLayout first, second, result;  // column-major: b, a, c of the key
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
  bool bias_fused = false;  // else the bias is added by a pass of its own
};

/// The product in cuBLAS's terms, without algorithm and epilogue.
GemmPlan describe_product(const GemmKey& key);
/// Throws VendorError when cuBLAS has no algorithm.
/// bias: null, or that of the first call (the heuristics may look at the address).
GemmPlan make_gemm_plan(cublasLtHandle_t handle, const GemmKey& key, const void* bias);
std::string describe(const GemmKey& key);

void matmul(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& params);

}  // namespace fledge::cudnn
