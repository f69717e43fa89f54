#include "kernels/cudnn/state.h"

#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cudnn/table.h"

namespace fledge::cudnn {
namespace {

std::string version_text(std::size_t version) {  // 91900, 130101
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

void check(cudnnStatus_t status) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char detail[512] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  throw VendorError(std::string(cudnnGetErrorString(status)) + (*detail ? ": " : "") + detail);
}

void check(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw VendorError(cublasLtGetStatusName(status));
}

State::State() {
  try {
    check(cudnnCreate(&cudnn_));
  } catch (const VendorError& e) {
    throw Error(ErrorKind::Resource, "cudnn", "cuDNN " + cudnn_version() + " does not start: " + e.what(),
                "other processes may hold the GPU's memory; --device cpu needs no GPU");
  }
  const cublasStatus_t status = cublasLtCreate(&cublas);
  if (status != CUBLAS_STATUS_SUCCESS) {
    cudnnDestroy(cudnn_);
    throw Error(ErrorKind::Resource, "cublas",
                "cuBLAS " + cublas_version() + " does not start: " + cublasLtGetStatusName(status),
                "other processes may hold the GPU's memory; --device cpu needs no GPU");
  }
}

State::~State() {
  convolutions.clear();  // plans go before the handle they were made with
  cublasLtDestroy(cublas);
  cudnnDestroy(cudnn_);
}

cudnnHandle_t State::cudnn() {
  if (const cudaStream_t current = cuda::stream(); current != stream_) {
    check(cudnnSetStream(cudnn_, current));
    stream_ = current;
  }
  return cudnn_;
}

State& state_of(ExecContext& ctx) {
  static constexpr char kOwner = 0;
  return ctx.state<State>(&kOwner);
}

void rethrow(const VendorError& e, const std::string& library, const char* op, const std::string& problem) {
  constexpr std::size_t kMost = 600;  // cuDNN lists every engine it tried; the beginning names the reason
  throw Error(ErrorKind::Resource, op,
              library + " failed: " + std::string(e.what()).substr(0, kMost) + " for " + problem,
              "CUDNN_LOGLEVEL_DBG=2 CUDNN_LOGDEST_DBG=stderr shows cuDNN's own log; a smaller batch needs less memory");
}

std::string cudnn_version() {
  const std::size_t version = cudnnGetVersion();
  if (version / 10000 != CUDNN_MAJOR)
    throw Error(ErrorKind::Resource, "cudnn",
                "found cuDNN " + version_text(version) + ", built for " + std::to_string(CUDNN_MAJOR),
                "install cuDNN " + std::to_string(CUDNN_MAJOR));
  int driver = 0;
  cuda::check(cudaDriverGetVersion(&driver), "cudnn");
  const std::size_t needs = cudnnGetCudartVersion();
  if (static_cast<std::size_t>(driver) / 1000 < needs / 1000)
    throw Error(ErrorKind::Resource, "cudnn",
                "cuDNN " + version_text(version) + " is for CUDA " + std::to_string(needs / 1000) +
                    ", the driver knows CUDA " + std::to_string(driver / 1000) + "." +
                    std::to_string(driver % 1000 / 10),
                "update the driver, or install a cuDNN for its CUDA version");
  return version_text(version);
}

std::string cublas_version() { return version_text(cublasLtGetVersion()); }

}  // namespace fledge::cudnn
