// Caching allocator. Small blocks are kept by size: multiples of 64 bytes up to 1 KiB, then eighths of powers of two
// (at most 1/8 wasted). Large ones lie in an arena.
#include "kernels/cpu/allocator.h"

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/large_memory.h"
#include "kernels/cpu/arena.h"

namespace fledge::cpu {
namespace {

constexpr std::size_t kLarge = std::size_t{1} << 20;

std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

/// What a block of so many bytes takes.
std::size_t size_of_block(std::size_t bytes) {
  if (bytes <= 1024) return round_up(bytes ? bytes : 1, kCacheLine);
  return round_up(bytes, bytes < kLarge ? std::bit_floor(bytes - 1) / 8 : Arena::kPage);
}

struct Cache {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> free;  // small blocks by size
  std::size_t kept = 0;                            // bytes of those
  Arena arena;                                     // of large ones
  AllocatorStats stats;
};

/// Never destroyed: tensors with static lifetime may be freed after any destructor here would have run.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

void* from_system(Cache& c, std::size_t size) {
  ++c.stats.asked;
  if (size >= kLarge) return c.arena.grow(size) ? c.arena.take(size) : nullptr;
  return std::aligned_alloc(kCacheLine, size);
}

void release_locked(Cache& c) {
  for (auto& [size, blocks] : c.free)
    for (void* p : blocks) std::free(p);
  c.free.clear();
  c.kept = 0;
  c.arena.release();
}

void* take_cached(Cache& c, std::size_t size) {
  if (size >= kLarge) return c.arena.take(size);
  const auto found = c.free.find(size);
  if (found == c.free.end() || found->second.empty()) return nullptr;
  void* p = found->second.back();  // the most recent one is the likeliest to be in the cache
  found->second.pop_back();
  c.kept -= size;
  return p;
}

}  // namespace

void* allocate(std::size_t bytes) {
  Cache& c = cache();
  const bool absurd = bytes > (std::size_t{1} << 60);  // rounding up must not wrap around
  const std::size_t size = absurd ? 0 : size_of_block(bytes);
  const std::lock_guard<std::mutex> lock(c.mutex);
  void* p = absurd ? nullptr : take_cached(c, size);
  if (!p && !absurd) p = from_system(c, size);
  if (!p && !absurd && c.kept + c.arena.free_bytes() > 0) {
    release_locked(c);  // blocks of other sizes may make room
    p = from_system(c, size);
  }
  if (!p)
    throw Error(ErrorKind::Resource, "allocate",
                "cannot allocate " + std::to_string(bytes) + " bytes (" + std::to_string(bytes >> 20) + " MiB); " +
                    std::to_string(c.stats.in_use >> 20) + " MiB are in use",
                "use a smaller batch or picture size");
  c.stats.in_use += size;
  if (c.stats.in_use > c.stats.peak) c.stats.peak = c.stats.in_use;
  return p;
}

void deallocate(void* p, std::size_t bytes) {
  if (!p) return;
  Cache& c = cache();
  const std::size_t size = size_of_block(bytes);
  const std::lock_guard<std::mutex> lock(c.mutex);
  c.stats.in_use -= size;
  if (size >= kLarge) return c.arena.put(p, size);
  try {
    c.free[size].push_back(p);
    c.kept += size;
  } catch (const std::bad_alloc&) {  // called by destructors: what cannot be kept is given back
    std::free(p);
  }
}

AllocatorStats allocator_stats() {
  Cache& c = cache();
  const std::lock_guard<std::mutex> lock(c.mutex);
  c.stats.cached = c.kept + c.arena.free_bytes();
  return c.stats;
}

void reset_allocator_peak() {
  Cache& c = cache();
  const std::lock_guard<std::mutex> lock(c.mutex);
  c.stats.peak = c.stats.in_use;
}

void release_cached() {
  Cache& c = cache();
  const std::lock_guard<std::mutex> lock(c.mutex);
  release_locked(c);
}

}  // namespace fledge::cpu
