// For the emulator's own tests: device buffers, launches, and the last words of a process that must die.
#pragma once
#include <cuda_runtime.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace fledge::test {

/// Everything must succeed; what fails otherwise is found where it happens.
inline void ok(cudaError_t status) {
  INFO(cudaGetErrorName(status));
  REQUIRE(status == cudaSuccess);
}

struct TestStream {
  cudaStream_t handle = nullptr;
  TestStream() { ok(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking)); }
  ~TestStream() { cudaStreamDestroy(handle); }
  operator cudaStream_t() const { return handle; }
};

struct TestEvent {
  cudaEvent_t handle = nullptr;
  TestEvent() { ok(cudaEventCreateWithFlags(&handle, cudaEventDefault)); }
  ~TestEvent() { cudaEventDestroy(handle); }
  operator cudaEvent_t() const { return handle; }
};

/// n elements of device memory.
template <class T>
struct Buffer {
  T* data = nullptr;
  std::size_t n;

  explicit Buffer(std::size_t count) : n(count) { ok(cudaMalloc(&data, n * sizeof(T))); }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
    ok(cudaMemcpy(data, values.data(), n * sizeof(T), cudaMemcpyDefault));
  }
  ~Buffer() { cudaFree(data); }
  Buffer(const Buffer&) = delete;
  std::vector<T> values() const {
    std::vector<T> v(n);
    ok(cudaMemcpy(v.data(), data, n * sizeof(T), cudaMemcpyDefault));
    return v;
  }
};

template <class... P, class... A>
cudaError_t launch_in(cudaStream_t s, void (*kernel)(P...), dim3 grid, dim3 block, A&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = s;
  return cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...);
}
/// In the default stream, to the end.
template <class... P, class... A>
void run(void (*kernel)(P...), dim3 grid, dim3 block, A&&... arguments) {
  ok(launch_in(nullptr, kernel, grid, block, std::forward<A>(arguments)...));
  ok(cudaDeviceSynchronize());
}

/// What a child process that runs `action` says on stderr before it aborts; "(lives)" when it does not.
template <class Action>
std::string last_words(Action action) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // the test framework has a handler of its own
    dup2(ends[1], STDERR_FILENO);
    action();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? text : "(lives) " + text;
}

}  // namespace fledge::test
