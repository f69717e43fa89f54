// The ground under the GPU kernels: errors, the current stream, memory from the caching allocator, launches.
// Files of kernels/cuda include CUDA's runtime through this header, nothing else of the vendor.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace fledge::cuda {

/// Throws Error(Resource) "[op] <CUDA's own text>" unless `status` is success.
void check(cudaError_t status, const char* op);

/// Where work of the calling thread goes.
cudaStream_t stream();

/// Device memory in the order of the current stream. Throws Error(Resource): the size, what is in use, what is there.
void* allocate(std::size_t bytes);
void deallocate(void* p, std::size_t bytes);

/// Device memory for the length of a kernel's call. Freed to the stream's pool on return:
/// the next kernel in the stream may have it.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : bytes_(bytes > 0 ? bytes : 1), data_(allocate(bytes_)) {}
  ~Scratch() { deallocate(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <class T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  std::size_t bytes_;
  void* data_;
};

/// Streaming multiprocessors of the device in use.
int multiprocessors();

/// kernel<<<grid, block, 0, stream()>>>(args...), checked. Arguments are converted to the kernel's parameter types.
template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;  // nothing to do
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), op);
}

inline constexpr int kBlock = 256;  // threads of a block, where a kernel has no reason for another number

/// Blocks of `block` threads for `n` items with a grid-stride loop: enough to fill the device, never more than needed.
inline unsigned grid_for(std::int64_t n, int block) {
  const std::int64_t wanted = (n + block - 1) / block, most = std::int64_t{32} * multiprocessors();
  return static_cast<unsigned>(wanted < most ? wanted : most);
}

}  // namespace fledge::cuda
