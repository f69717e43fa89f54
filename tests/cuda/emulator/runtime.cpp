// Errors, devices, memory and launches of CUDA's runtime.
#include <cstdlib>
#include <cstring>

#include "block.h"
#include "memory.h"
#include "report.h"
#include "streams.h"

namespace emulator {
namespace {

thread_local cudaError_t last_error = cudaSuccess;
thread_local int device = 0;

constexpr int kVersion = 13000, kMultiprocessors = 8;

int devices() {
  const char* text = std::getenv("FLEDGE_EMULATOR_DEVICES");
  return text ? std::atoi(text) : 1;
}

/// On the device, or in host memory that a device can reach.
bool reachable(const void* p, std::size_t bytes) { return is_device_address(p) ? is_device_range(p, bytes) : true; }

/// Does the kind of a copy fit its addresses?
bool fits(cudaMemcpyKind kind, bool from_device, bool to_device) {
  return kind == cudaMemcpyDefault || kind == static_cast<int>(from_device) * 2 + static_cast<int>(to_device);
}

bool too_large(dim3 grid, dim3 block) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  return threads == 0 || threads > 1024 || block.z > 64 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
         grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535;
}

}  // namespace

int current_device() { return device; }

cudaError_t answer(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, const void* const* pointers, int n_pointers,
                   std::function<void()> thread) {
  const std::lock_guard lock(the_lock());
  if (too_large(config.gridDim, config.blockDim)) return answer(cudaErrorInvalidConfiguration);
  for (int i = 0; i < n_pointers; ++i)
    if (pointers[i] && !is_device_address(pointers[i]) && !is_pinned_range(pointers[i], 1))
      fatal("argument " + std::to_string(i) + " of kernel " + function_name(kernel) + " points to host memory");
  if (config.stream && is_stream(config.stream) && config.stream->device != device)
    return answer(cudaErrorInvalidResourceHandle);
  // Shared, so that a recording's steps can be copied out of it.
  auto work = std::make_shared<const Kernel>(Kernel{kernel, std::move(thread), config.gridDim, config.blockDim});
  return add(config.stream, step_of([work] { run_kernel(*work); }));
}

}  // namespace emulator

using namespace emulator;

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
#define FLEDGE_EMULATED_ERROR(name) \
  case name:                        \
    return #name;
    FLEDGE_EMULATED_ERROR(cudaSuccess)
    FLEDGE_EMULATED_ERROR(cudaErrorInvalidValue)
    FLEDGE_EMULATED_ERROR(cudaErrorMemoryAllocation)
    FLEDGE_EMULATED_ERROR(cudaErrorInitializationError)
    FLEDGE_EMULATED_ERROR(cudaErrorInvalidConfiguration)
    FLEDGE_EMULATED_ERROR(cudaErrorInvalidMemcpyDirection)
    FLEDGE_EMULATED_ERROR(cudaErrorInsufficientDriver)
    FLEDGE_EMULATED_ERROR(cudaErrorNoDevice)
    FLEDGE_EMULATED_ERROR(cudaErrorInvalidDevice)
    FLEDGE_EMULATED_ERROR(cudaErrorInvalidResourceHandle)
    FLEDGE_EMULATED_ERROR(cudaErrorNotReady)
    FLEDGE_EMULATED_ERROR(cudaErrorIllegalAddress)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureUnsupported)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureInvalidated)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureMerge)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureUnmatched)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureUnjoined)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureIsolation)
    FLEDGE_EMULATED_ERROR(cudaErrorCapturedEvent)
    FLEDGE_EMULATED_ERROR(cudaErrorStreamCaptureWrongThread)
    FLEDGE_EMULATED_ERROR(cudaErrorUnknown)
#undef FLEDGE_EMULATED_ERROR
  }
  return "unrecognised error";
}
const char* cudaGetErrorString(cudaError_t e) {
  return e == cudaErrorMemoryAllocation ? "out of memory" : "an error of the emulated device";
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = devices();
  return answer(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int index) {
  if (index < 0 || index >= devices()) return answer(cudaErrorInvalidDevice);
  device = index;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* index) {
  *index = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device < 0 || device >= devices()) return answer(cudaErrorInvalidDevice);
  *p = {};
  std::strcpy(p->name, "emulated on the host");
  p->totalGlobalMem = device_bytes();
  p->sharedMemPerBlock = 48 << 10;
  p->major = 9;
  p->multiProcessorCount = kMultiprocessors;
  p->warpSize = warpSize;
  p->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (const cudaError_t status = cudaGetDeviceProperties(&p, device); status != cudaSuccess) return status;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
  }
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = devices() > 0 ? kVersion : 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  const std::lock_guard lock(the_lock());
  watch_faults();
  *p = nullptr;
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  if (bytes == 0) return cudaSuccess;
  *p = device_allocate(bytes);
  return answer(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void* p) {
  const std::lock_guard lock(the_lock());
  if (!p) return cudaSuccess;
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  finish_everything();
  return answer(device_free(p) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) {
  const std::lock_guard lock(the_lock());
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  *p = pinned_allocate(bytes);
  return answer(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaMallocHost(void** p, std::size_t bytes) { return cudaHostAlloc(p, bytes, cudaHostAllocDefault); }

cudaError_t cudaFreeHost(void* p) {
  const std::lock_guard lock(the_lock());
  if (!p) return cudaSuccess;
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  finish_everything();
  return answer(pinned_free(p) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  const std::lock_guard lock(the_lock());
  *total = device_bytes();
  *free_bytes = *total - device_bytes_used();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  const std::lock_guard lock(the_lock());
  *a = {cudaMemoryTypeUnregistered, 0, nullptr, const_cast<void*>(p)};
  if (is_device_range(p, 1)) *a = {cudaMemoryTypeDevice, 0, const_cast<void*>(p), nullptr};
  if (is_pinned_range(p, 1)) a->type = cudaMemoryTypeHost;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (bytes == 0) return cudaSuccess;
  const bool from_device = is_device_address(from), to_device = is_device_address(to);
  if (!reachable(from, bytes) || !reachable(to, bytes)) return answer(cudaErrorInvalidValue);
  if (!fits(kind, from_device, to_device)) return answer(cudaErrorInvalidMemcpyDirection);
  const bool pageable = (!from_device && !is_pinned_range(from, bytes)) || (!to_device && !is_pinned_range(to, bytes));
  if (pageable && is_stream(s) && stream_of(s).capture) {
    stream_of(s).capture->invalid = true;
    return answer(cudaErrorStreamCaptureUnsupported);
  }
  const cudaError_t status = add(s, step_of_copy([=] { std::memmove(to, from, bytes); }, from, to));
  if (status == cudaSuccess && pageable) finish(stream_of(s));
  return status;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard lock(the_lock());
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  finish(stream_of(nullptr));
  return status;
}

cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (bytes == 0) return cudaSuccess;
  if (!is_device_range(p, bytes)) return answer(cudaErrorInvalidValue);
  return add(s, step_of_copy([=] { std::memset(p, value, bytes); }, p, p));
}
cudaError_t cudaMemset(void* p, int value, std::size_t bytes) { return cudaMemsetAsync(p, value, bytes, nullptr); }
