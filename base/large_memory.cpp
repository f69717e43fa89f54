#include "base/large_memory.h"

#include <sys/mman.h>

#include <cstdlib>

namespace fledge {

void* large_memory(std::size_t bytes) {
  void* p = nullptr;
  const bool huge = bytes >= kHugePage;
  if (posix_memalign(&p, huge ? kHugePage : kCacheLine, bytes ? bytes : 1) != 0) return nullptr;
  if (huge) madvise(p, bytes, MADV_HUGEPAGE);  // a refusal only costs speed
  return p;
}

}  // namespace fledge
