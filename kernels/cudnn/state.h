// What this folder keeps in an ExecContext: the handles and the plans. Also versions and error wrapping.
#pragma once
#include <cublasLt.h>
#include <cudnn.h>

#include <memory>
#include <string>

#include "kernels/api/exec_context.h"
#include "kernels/cudnn/gemm.h"
#include "kernels/cudnn/graph.h"
#include "kernels/plan/plan_cache.h"

namespace fledge::cudnn {

struct ConvPlan {
  std::unique_ptr<ConvGraph> graph;  // null: cuDNN cannot compute the problem as one graph
  int candidate = 0;
  std::size_t workspace = 0;
};

struct State : VendorState {
  State();
  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The handle, set to the calling thread's stream.
  cudnnHandle_t cudnn();

  cublasLtHandle_t cublas = nullptr;
  PlanCache<ProblemKey, ConvPlan> convolutions{"GPU"};
  PlanCache<GemmKey, GemmPlan> products{"GPU"};

 private:
  cudnnHandle_t cudnn_ = nullptr;
  cudaStream_t stream_ = nullptr;  // that the handle is set to
};

/// The context's State, made on first use.
State& state_of(ExecContext& ctx);

/// Throw VendorError with the library's own text.
void check(cudnnStatus_t status);
void check(cublasStatus_t status);

/// Throws Error(Resource) with the vendor's text and the problem. library: "cuDNN 9.19.0".
[[noreturn]] void rethrow(const VendorError& e, const std::string& library, const char* op, const std::string& problem);

}  // namespace fledge::cudnn
