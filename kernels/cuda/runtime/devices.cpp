// Which GPUs there are, and what they are.
#include <cuda_runtime.h>

#include <string>

#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"
#include "kernels/cudnn/table.h"

namespace fledge::cuda {
namespace {

/// 13000 -> "13.0"
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

int device_count() {
  int n = 0;
  check(cudaGetDeviceCount(&n), "devices");
  return n;
}

void check_device(int index) {
  const int count = device_count();
  if (index < 0 || index >= count)
    throw Error(ErrorKind::Resource, "", "there is no GPU number " + std::to_string(index),
                "this machine has " + std::to_string(count) + ", counted from 0");
}

DeviceProperties properties(int index) {
  check_device(index);
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, index), "devices");
  DeviceProperties d;
  d.name = p.name;
  d.major = p.major;
  d.minor = p.minor;
  d.multiprocessors = p.multiProcessorCount;
  d.memory_bytes = p.totalGlobalMem;
  d.free_bytes = free_memory(index);
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  d.driver = version_text(driver);
  d.libraries = {
      {"cuda", version_text(runtime)}, {"cudnn", cudnn::cudnn_version()}, {"cublas", cudnn::cublas_version()}};
#ifdef FLEDGE_CUDA_EMULATED
  d.emulated = true;
#endif
  return d;
}

void require(int index, DType activations) {
  const DeviceProperties d = properties(index);
  if (10 * d.major + d.minor < 75)
    throw Error(ErrorKind::Resource, "",
                "the GPU " + d.name + " is too old: it has compute capability " + std::to_string(d.major) + "." +
                    std::to_string(d.minor) + ", 7.5 is needed",
                "use --device cpu");
  if (activations == DType::BFloat16 && d.major < 8)
    throw Error(ErrorKind::Resource, "", "--precision bf16 needs a GPU of compute capability 8.0, not " + d.name,
                "use --precision f32");
}

}  // namespace fledge::cuda
