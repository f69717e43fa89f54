// What kernels/cudnn takes from kernels/cuda, for a program that has no GPU and runs nothing on one.
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"

namespace fledge::cuda {
namespace {

[[noreturn]] void none() { throw Error(ErrorKind::Internal, "test_cudnn", "this program has no device"); }

}  // namespace

void check(cudaError_t status, const char*) {
  if (status != cudaSuccess) none();
}
cudaStream_t stream() { none(); }
void* allocate(std::size_t) { none(); }
void deallocate(void*, std::size_t) {}
int multiprocessors() { none(); }
bool capturing() { return false; }

}  // namespace fledge::cuda
