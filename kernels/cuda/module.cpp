// The exported function of libfledge_cuda.so (kernels/api/gpu_module.h), and the assembly of the GPU's Backend.
#include <cuda_runtime.h>

#include "kernels/api/gpu_module.h"
#include "kernels/cuda/overlays.h"
#include "kernels/cuda/runtime/allocator.h"
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"
#include "kernels/cudnn/table.h"

namespace fledge::cuda {
namespace {

const DeviceRuntime kRuntime = {
    .device_count = &device_count,
    .properties = &properties,
    .require = &require,
    .use_device = &use_device,
    .allocate_pinned = &allocate_pinned,
    .deallocate_pinned = &deallocate_pinned,
    .create_stream = &create_stream,
    .destroy_stream = &destroy_stream,
    .current_stream = &current_stream,
    .use_stream = &use_stream,
    .create_event = &create_event,
    .destroy_event = &destroy_event,
    .record_event = &record_event,
    .wait_event = &wait_event,
    .synchronize_event = &synchronize_event,
    .milliseconds = &milliseconds,
    .copy_async = &copy_async,
    .begin_capture = &begin_capture,
    .end_capture = &end_capture,
    .abort_capture = &abort_capture,
    .launch_graph = &launch_graph,
    .destroy_graph = &destroy_graph,
    .memory = &memory,
    .reset_peak_memory = &reset_peak_memory,
    .release_cached_memory = &release_cached_memory,
};

Backend make_backend() {
  Backend b;
  b.name = "cuda";
  b.device = Device::Type::GPU;
  b.allocate = &allocate;
  b.deallocate = &deallocate;
  b.copy_bytes = &copy_bytes;
  b.synchronize = &synchronize;
  b.runtime = &kRuntime;
  cudnn::overlay(b.f32, b.bf16);
  overlay_depthwise(b.f32, b.bf16);
  overlay_norm(b.f32, b.bf16);
  overlay_pool(b.f32, b.bf16);
  overlay_eltwise(b.f32, b.bf16);
  overlay_copy(b.f32, b.bf16);
  overlay_image(b.f32, b.bf16);
  overlay_reduce(b.f32);
  overlay_rows(b.f32);
  overlay_gather(b.f32);
  overlay_distance(b.f32);
  overlay_optim(b.f32);
  return b;
}

/// Says what is missing, in the user's terms; empty when a GPU can be used.
GpuModuleAnswer look_for_gpu() {
  GpuModuleAnswer answer;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    answer.missing = driver == 0 ? "no NVIDIA driver is installed" : "the NVIDIA driver is too old for CUDA 13";
    answer.hint = "install a driver of version 580 or newer, or use --device cpu";
  } else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    answer.missing = "no NVIDIA GPU was found (CUDA_VISIBLE_DEVICES may hide it)";
    answer.hint = "use --device cpu";
  } else if (status != cudaSuccess) {
    answer.missing = std::string("CUDA does not start: ") + cudaGetErrorString(status);
    answer.hint = "check the driver with nvidia-smi, or use --device cpu";
  }
  return answer;
}

}  // namespace
}  // namespace fledge::cuda

extern "C" __attribute__((visibility("default"))) void fledge_gpu_module(std::size_t backend_bytes,
                                                                         fledge::GpuModuleAnswer* answer) {
  using namespace fledge;
  if (backend_bytes != sizeof(Backend)) {
    answer->missing = "the GPU module belongs to another build of fledge";
    answer->hint = "build both together, or unset FLEDGE_CUDA_MODULE";
    return;
  }
  *answer = cuda::look_for_gpu();
  if (!answer->missing.empty()) return;
  try {
    static const Backend backend = cuda::make_backend();
    answer->backend = &backend;
  } catch (const Error& e) {
    answer->missing = e.problem();
    answer->hint = e.hint();
  }
}
