// Memory for numbers: whole cache lines and, where it is large, huge pages. A fresh page costs a fault of its own, and
// 512 small ones take several times as long as a huge one. In the header alone: the emulated GPU module links no base.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>

namespace fledge {

inline constexpr std::size_t kCacheLine = 64, kHugePage = std::size_t{2} << 20;

/// 64-byte aligned; from 2 MiB on aligned to that, with a wish for huge pages. Null where there is no memory. The
/// caller gives it back by std::free.
inline void* large_memory(std::size_t bytes) {
  void* p = nullptr;
  const bool huge = bytes >= kHugePage;
  if (posix_memalign(&p, huge ? kHugePage : kCacheLine, bytes ? bytes : 1) != 0) return nullptr;
  if (huge) madvise(p, bytes, MADV_HUGEPAGE);  // a refusal only costs speed
  return p;
}

}  // namespace fledge
