// Errors, properties, streams and events: CUDA's runtime in the terms of kernels/api/device_runtime.h.
#include "kernels/cuda/runtime/runtime.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "kernels/cuda/runtime/streams.h"

namespace fledge::cuda {

void check(cudaError_t status, const char* op) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that was reported must not be found again by the next call
  const std::string text = std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation)  // the driver's own needs: a context, a recording, a kernel's code
    throw Error(ErrorKind::Resource, op, std::string(kOutOfGpuMemory) + ": the GPU reports " + text,
                "use a smaller --batch-size or picture size, or --precision bf16");
  throw Error(ErrorKind::Resource, op, "the GPU reports " + text,
              "run under compute-sanitizer to find the kernel, or use --device cpu");
}

namespace {

/// CUDA gives every thread a device of its own, number 0 at first; here there is one for all threads.
std::atomic<int> device_in_use{-1};  // -1: nobody has said
thread_local int device_of_thread = -1;

void bind_thread() {
  const int device = std::max(0, device_in_use.load(std::memory_order_relaxed));
  if (device_of_thread == device) return;
  check(cudaSetDevice(device), "devices");
  device_of_thread = device;
}

/// The compute stream of the process, and what the calling thread uses instead.
cudaStream_t compute_stream() {
  static const cudaStream_t stream = [] {
    cudaStream_t s = nullptr;
    check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "stream");
    return s;
  }();
  return stream;
}

thread_local cudaStream_t chosen_stream = nullptr;

cudaEvent_t event_of(DeviceEvent e) { return static_cast<cudaEvent_t>(e); }

/// Waiting would break the recording, and CUDA's own words for it say nothing to a user.
void refuse_while_recording() {
  if (!capturing()) return;
  throw Error(ErrorKind::Internal, "record", "the host reads from or waits for the GPU inside recorded work",
              "--step-graph off runs steps without recording");
}

bool is_device_memory(const void* p) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, p) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeDevice;
}

}  // namespace

cudaStream_t stream() {
  bind_thread();
  return chosen_stream ? chosen_stream : compute_stream();
}

void use_device(int index) {
  check_device(index);
  device_in_use = index;
  bind_thread();
}

std::size_t free_memory(int index) {
  const int chosen = device_in_use;
  if (chosen >= 0 && chosen != index) return 0;
  std::size_t free_bytes = 0, total = 0;
  device_of_thread = -1;
  if (cudaSetDevice(index) == cudaSuccess && cudaMemGetInfo(&free_bytes, &total) == cudaSuccess) return free_bytes;
  cudaGetLastError();
  return 0;
}

int multiprocessors() {
  bind_thread();
  static const int count = [] {
    int device = 0, n = 0;
    check(cudaGetDevice(&device), "device");
    check(cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device), "device");
    return n;
  }();
  return count;
}

DeviceStream create_stream() {
  bind_thread();
  cudaStream_t s = nullptr;
  check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "stream");
  return s;
}
void destroy_stream(DeviceStream s) {
  // The next stream may get the same address, and with it this one's memory.
  cudaStreamSynchronize(static_cast<cudaStream_t>(s));
  cudaStreamDestroy(static_cast<cudaStream_t>(s));
}
DeviceStream current_stream() { return chosen_stream; }
void use_stream(DeviceStream s) { chosen_stream = static_cast<cudaStream_t>(s); }

DeviceEvent create_event() {
  bind_thread();
  cudaEvent_t e = nullptr;
  check(cudaEventCreateWithFlags(&e, cudaEventDefault), "event");
  return e;
}
void destroy_event(DeviceEvent e) { cudaEventDestroy(event_of(e)); }
void record_event(DeviceEvent e) { check(cudaEventRecord(event_of(e), stream()), "event"); }
void wait_event(DeviceEvent e) { check(cudaStreamWaitEvent(stream(), event_of(e), 0), "event"); }
void synchronize_event(DeviceEvent e) { check(cudaEventSynchronize(event_of(e)), "event"); }

double milliseconds(DeviceEvent begin, DeviceEvent end) {
  float ms = 0;
  check(cudaEventSynchronize(event_of(end)), "event");
  check(cudaEventElapsedTime(&ms, event_of(begin), event_of(end)), "event");
  return ms;
}

void synchronize() {
  refuse_while_recording();
  check(cudaStreamSynchronize(stream()), "synchronize");
}

void copy_async(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream()), "copy");
}

void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  const bool host = !is_device_memory(to) || !is_device_memory(from);
  if (host) refuse_while_recording();
  copy_async(to, from, bytes);
  if (host) synchronize();
}

void* allocate_pinned(std::size_t bytes) {
  bind_thread();
  void* p = nullptr;
  const cudaError_t status = cudaHostAlloc(&p, bytes, cudaHostAllocDefault);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw Error(ErrorKind::Resource, "cuda",
                "cannot allocate " + std::to_string(bytes) + " bytes of page-locked memory",
                "use a smaller --batch-size");
  }
  check(status, "allocate_pinned");
  return p;
}
void deallocate_pinned(void* p, std::size_t) { cudaFreeHost(p); }

}  // namespace fledge::cuda
