// ExecContext: thread count and the scratch arena.
#include "kernels/api/exec_context.h"

#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge {
namespace {

constexpr std::size_t kAlignment = 64;

int default_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();  // honours OMP_NUM_THREADS and the process's CPU mask
#else
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
#endif
}

}  // namespace

ExecContext::ExecContext(int threads) { set_threads(threads); }

ExecContext::~ExecContext() { std::free(scratch_); }

void ExecContext::set_threads(int threads) { threads_ = threads > 0 ? threads : default_threads(); }

void* ExecContext::scratch(std::size_t bytes) {
  if (bytes <= scratch_bytes_ && scratch_) return scratch_;
  // aligned_alloc wants a multiple of the alignment; at least one line, so that the result is never null.
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t size = rounded > 0 ? rounded : kAlignment;
  std::free(scratch_);  // nothing in it outlives a call
  scratch_bytes_ = 0;
  scratch_ = size >= bytes ? std::aligned_alloc(kAlignment, size) : nullptr;
  if (!scratch_)
    throw Error(ErrorKind::Resource, "scratch", "cannot allocate " + std::to_string(bytes) + " bytes of scratch memory",
                "use a smaller batch or picture size");
  scratch_bytes_ = size;
  return scratch_;
}

}  // namespace fledge
