// ExecContext: thread count and the scratch arena.
#include "kernels/api/exec_context.h"

#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/large_memory.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge {
namespace {

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
  std::free(scratch_);  // nothing in it outlives a call
  scratch_bytes_ = 0;
  scratch_ = large_memory(bytes);
  if (!scratch_)
    throw Error(ErrorKind::Resource, "scratch", "cannot allocate " + std::to_string(bytes) + " bytes of scratch memory",
                "use a smaller batch or picture size");
  scratch_bytes_ = bytes;
  return scratch_;
}

}  // namespace fledge
