// Caching allocator for host memory: freed blocks are kept and handed out again, as fresh pages from the system (page
// faults, zeroing) cost 13-42 % of a training step otherwise. Small blocks are kept by size, large ones in an arena
// (arena.h), where neighbors become one.
#pragma once
#include <cstddef>

namespace fledge::cpu {

/// At least `bytes` bytes, 64-byte aligned (on huge pages where the system has them, from 1 MiB on).
/// Thread-safe. Throws Error(Resource) naming the size when the system has no more.
void* allocate(std::size_t bytes);
/// Gives back a block of allocate(bytes), with the same size. Null is ignored.
void deallocate(void* p, std::size_t bytes);

struct AllocatorStats {
  std::size_t in_use = 0;  // bytes handed out now, rounded up to what blocks take
  std::size_t peak = 0;    // the most `in_use` ever was
  std::size_t cached = 0;  // bytes kept for later
  std::size_t asked = 0;   // how often memory was asked of the system
};
AllocatorStats allocator_stats();
/// From now on `peak` is that of what follows.
void reset_allocator_peak();
/// Returns all kept blocks to the system.
void release_cached();

/// Memory of the allocator for as long as it lives.
struct Lent {
  explicit Lent(std::size_t size) : bytes(size), data(allocate(size)) {}
  ~Lent() { deallocate(data, bytes); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  std::size_t bytes;
  void* data;
};

}  // namespace fledge::cpu
