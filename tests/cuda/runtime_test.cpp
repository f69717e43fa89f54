// What the emulated runtime is strict about: addresses, late streams, events, recorded work.
#include <cstdlib>
#include <cstring>
#include <thread>

#include "device.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

__global__ void fill(int* y, int n, int value) {
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n;
       i += static_cast<int>(gridDim.x * blockDim.x))
    y[i] = value;
}
__global__ void add(int* y, const int* x, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) y[i] += x[i];
}

struct Pinned {
  int* data = nullptr;
  explicit Pinned(std::size_t n) { ok(cudaMallocHost(reinterpret_cast<void**>(&data), n * sizeof(int))); }
  ~Pinned() { cudaFreeHost(data); }
};

}  // namespace

TEST_CASE("a kernel that leaves its allocation is stopped and named", "[emulator]") {
  const Buffer<int> y(100), z(100);
  const auto touch = [&](int* p) { return last_words([=] { run(&fill, 1, 32, p, 1, 7); }); };
  CHECK_THAT(touch(y.data), Contains("(lives)"));
  CHECK_THAT(touch(y.data + 99), Contains("(lives)"));
  CHECK_THAT(touch(y.data + 100), Contains("a kernel touches memory that is not allocated: 0 bytes behind an "
                                           "allocation of 400 bytes") &&
                                      Contains("kernel fill(int*, int, int) block [0,0,0] of [1,1,1] thread [0,0,0]"));
  CHECK_THAT(touch(y.data - 4096 / 4), Contains("is not allocated"));
  int on_the_stack = 0;
  CHECK_THAT(touch(&on_the_stack), Contains("argument 0 of kernel fill(int*, int, int) points to host memory"));
  int* gone = nullptr;
  ok(cudaMalloc(&gone, 64));
  ok(cudaFree(gone));
  CHECK_THAT(touch(gone), Contains("is not allocated"));
}

TEST_CASE("host code cannot touch device memory", "[emulator]") {
  const Buffer<int> y(100);
  volatile int* p = y.data;
  CHECK_THAT(last_words([=] { p[3] = 1; }),
             Contains("host code touches device memory: byte 12 of an allocation of 400"));
  CHECK_THAT(last_words([=] { return static_cast<void>(p[99]); }), Contains("host code touches device memory"));
  run(&fill, 1, 32, y.data, 100, 5);
  CHECK_THAT(last_words([=] { p[3] = 1; }), Contains("host code touches device memory"));
}

TEST_CASE("memory: fresh bytes are 0xFF, the device has an end, pointers know where they point", "[emulator]") {
  const Buffer<int> y(33);
  CHECK(y.values() == std::vector<int>(33, -1));
  CHECK(reinterpret_cast<std::uintptr_t>(y.data) % 16 == 0);
  std::size_t free_bytes = 0, total = 0;
  ok(cudaMemGetInfo(&free_bytes, &total));
  CHECK(free_bytes == total - 33 * sizeof(int));
  void* p = nullptr;
  CHECK(cudaMalloc(&p, free_bytes + 1) == cudaErrorMemoryAllocation);
  CHECK(p == nullptr);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaFree(y.data + 1) == cudaErrorInvalidValue);
  int there = 0;
  const Pinned pinned(4);
  cudaPointerAttributes a{};
  ok(cudaPointerGetAttributes(&a, y.data + 32));
  CHECK(a.type == cudaMemoryTypeDevice);
  ok(cudaPointerGetAttributes(&a, pinned.data + 3));
  CHECK(a.type == cudaMemoryTypeHost);
  ok(cudaPointerGetAttributes(&a, &there));
  CHECK(a.type == cudaMemoryTypeUnregistered);
  CHECK(cudaMemcpy(y.data, &there, 34 * sizeof(int), cudaMemcpyDefault) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(y.data, &there, 4, cudaMemcpyDeviceToHost) == cudaErrorInvalidMemcpyDirection);
  cudaGetLastError();
}

TEST_CASE("FLEDGE_EMULATOR_DEVICES=0: no device", "[emulator]") {
  int n = -1;
  setenv("FLEDGE_EMULATOR_DEVICES", "0", 1);
  CHECK(cudaGetDeviceCount(&n) == cudaErrorNoDevice);
  unsetenv("FLEDGE_EMULATOR_DEVICES");
  cudaGetLastError();
  ok(cudaGetDeviceCount(&n));
  CHECK(n == 1);
}

TEST_CASE("every thread has a device of its own; a stream takes kernels from threads on its device", "[emulator]") {
  setenv("FLEDGE_EMULATOR_DEVICES", "2", 1);
  ok(cudaSetDevice(1));
  {
    const TestStream s;
    const TestEvent here;
    const Buffer<int> y(4);
    cudaError_t launched = cudaSuccess, recorded = cudaSuccess;
    std::thread([&] {
      int device = -1;
      ok(cudaGetDevice(&device));
      CHECK(device == 0);
      launched = launch_in(s, &fill, 1, 32, y.data, 4, 1);
      recorded = cudaEventRecord(TestEvent(), s);
    }).join();
    CHECK(launched == cudaErrorInvalidResourceHandle);
    CHECK(recorded == cudaErrorInvalidResourceHandle);
    ok(launch_in(s, &fill, 1, 32, y.data, 4, 1));
    ok(cudaEventRecord(here, s));
    ok(cudaStreamSynchronize(s));
  }
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  ok(cudaSetDevice(0));
  unsetenv("FLEDGE_EMULATOR_DEVICES");
  cudaGetLastError();
}

TEST_CASE("streams run late, each on its own", "[emulator]") {
  const TestStream a, b;
  const Buffer<int> y(4);
  const Pinned host(8);
  std::memset(host.data, 0, 8 * sizeof(int));
  ok(launch_in(a, &fill, 1, 32, y.data, 4, 1));
  ok(cudaMemcpyAsync(host.data, y.data, 16, cudaMemcpyDefault, a));
  CHECK(host.data[0] == 0);  // nobody waited
  ok(cudaMemcpyAsync(host.data + 4, y.data, 16, cudaMemcpyDefault, b));
  ok(cudaStreamSynchronize(b));
  CHECK(host.data[4] == -1);  // b was never told to wait for a
  ok(cudaStreamSynchronize(a));
  CHECK(host.data[0] == 1);
  CHECK(cudaStreamQuery(a) == cudaSuccess);

  const TestEvent filled;
  ok(launch_in(a, &fill, 1, 32, y.data, 4, 2));
  ok(cudaEventRecord(filled, a));
  ok(launch_in(a, &fill, 1, 32, y.data, 4, 3));  // behind the event: not what b waits for
  ok(cudaStreamWaitEvent(b, filled));
  ok(cudaMemcpyAsync(host.data + 4, y.data, 16, cudaMemcpyDefault, b));
  ok(cudaStreamSynchronize(b));
  CHECK(host.data[4] == 2);
  CHECK(cudaStreamQuery(a) == cudaErrorNotReady);
  CHECK(cudaStreamQuery(a) == cudaSuccess);
  CHECK(y.values()[0] == 3);
}

TEST_CASE("events: time between them, and page-locked memory that changes too soon", "[emulator]") {
  const TestStream s;
  const TestEvent begin, end;
  const Buffer<int> y(4);
  const Pinned host(4);
  host.data[0] = 1;
  ok(cudaEventRecord(begin, s));
  ok(cudaMemcpyAsync(y.data, host.data, 16, cudaMemcpyDefault, s));
  ok(cudaEventRecord(end, s));
  float ms = -1;
  CHECK(cudaEventElapsedTime(&ms, begin, end) == cudaErrorNotReady);
  host.data[0] = 2;  // the stream has not come by: it will copy this
  CHECK(cudaEventQuery(end) == cudaErrorNotReady);
  ok(cudaEventSynchronize(end));
  ok(cudaEventElapsedTime(&ms, begin, end));
  CHECK(ms >= 0);
  CHECK(y.values()[0] == 2);
  cudaGetLastError();
}

TEST_CASE("recorded work runs when launched, as often as launched, with what memory holds then", "[emulator]") {
  const TestStream s, side;
  const TestEvent fork, join;
  const Buffer<int> x(std::vector<int>{1, 2, 3, 4}), y(std::vector<int>{0, 0, 0, 0}), z(4);
  ok(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
  ok(launch_in(s, &add, 1, 32, y.data, x.data, 4));
  ok(cudaEventRecord(fork, s));
  ok(cudaStreamWaitEvent(side, fork));
  ok(cudaMemcpyAsync(z.data, y.data, 16, cudaMemcpyDefault, side));
  ok(cudaEventRecord(join, side));
  ok(cudaStreamWaitEvent(s, join));
  ok(launch_in(s, &add, 1, 32, z.data, x.data, 4));
  cudaStreamCaptureStatus status{};
  ok(cudaStreamIsCapturing(side, &status));
  CHECK(status == cudaStreamCaptureStatusActive);
  cudaGraph_t graph = nullptr;
  ok(cudaStreamEndCapture(s, &graph));
  ok(cudaStreamIsCapturing(side, &status));
  CHECK(status == cudaStreamCaptureStatusNone);
  cudaGraphExec_t executable = nullptr;
  ok(cudaGraphInstantiate(&executable, graph, 0));
  ok(cudaGraphDestroy(graph));
  CHECK(y.values() == std::vector<int>{0, 0, 0, 0});
  for (int i = 0; i < 3; ++i) ok(cudaGraphLaunch(executable, s));
  ok(cudaStreamSynchronize(s));
  CHECK(y.values() == std::vector<int>{3, 6, 9, 12});
  CHECK(z.values() == std::vector<int>{4, 8, 12, 16});
  CHECK(cudaEventSynchronize(join) == cudaErrorCapturedEvent);
  ok(cudaGraphExecDestroy(executable));
  cudaGetLastError();
}

TEST_CASE("recording: what may not happen inside spoils it", "[emulator]") {
  const TestStream s, other;
  const TestEvent outside, inside;
  const Buffer<int> y(4);
  int host[4] = {};
  const auto spoilt_by = [&](auto action) {
    ok(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    action();
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(s, &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    return ended;
  };
  void* p = nullptr;
  CHECK(spoilt_by([] {}) == cudaSuccess);
  CHECK(spoilt_by([&] { cudaMalloc(&p, 16); }) == cudaErrorStreamCaptureInvalidated);
  CHECK(spoilt_by([&] { cudaStreamSynchronize(s); }) == cudaErrorStreamCaptureInvalidated);
  CHECK(spoilt_by([&] { cudaStreamSynchronize(other); }) == cudaErrorStreamCaptureInvalidated);
  CHECK(spoilt_by([&] { cudaMemcpyAsync(host, y.data, 16, cudaMemcpyDefault, s); }) ==
        cudaErrorStreamCaptureInvalidated);
  ok(cudaEventRecord(outside, other));
  CHECK(spoilt_by([&] { cudaStreamWaitEvent(s, outside); }) == cudaErrorStreamCaptureInvalidated);
  CHECK(spoilt_by([&] {  // forked, never joined
          cudaEventRecord(inside, s);
          cudaStreamWaitEvent(other, inside);
          launch_in(other, &fill, 1, 32, y.data, 4, 1);
        }) == cudaErrorStreamCaptureUnjoined);
  CHECK(spoilt_by([&] {  // allowed when the thread says so
          cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
          cudaThreadExchangeStreamCaptureMode(&mode);
          ok(cudaMalloc(&p, 16));
          cudaThreadExchangeStreamCaptureMode(&mode);
        }) == cudaSuccess);
  ok(cudaFree(p));
}
