// Caching allocator: one free list per bucket size. Buckets are multiples of 64 bytes up to 1 KiB, then eighths of
// powers of two (at most 1/8 wasted), whole huge pages from 2 MiB on where that wastes no more.
#include "kernels/cpu/allocator.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/large_memory.h"

namespace fledge::cpu {
namespace {

std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

std::size_t bucket_of(std::size_t bytes) {
  if (bytes <= 1024) return round_up(bytes ? bytes : 1, kCacheLine);
  const std::size_t eighth = std::bit_floor(bytes - 1) / 8;
  const std::size_t size = round_up(bytes, eighth);
  return size >= 8 * kHugePage ? round_up(bytes, std::max(eighth, kHugePage)) : size;
}

struct Cache {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> free;
  AllocatorStats stats;
};

/// Never destroyed: tensors with static lifetime may be freed after any destructor here would have run.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

void release_locked(Cache& c) {
  for (auto& [size, blocks] : c.free)
    for (void* p : blocks) std::free(p);
  c.free.clear();
  c.stats.cached = 0;
}

void* take_cached(Cache& c, std::size_t size) {
  const auto found = c.free.find(size);
  if (found == c.free.end() || found->second.empty()) return nullptr;
  void* p = found->second.back();  // the most recent one is the likeliest to be in the cache
  found->second.pop_back();
  c.stats.cached -= size;
  return p;
}

}  // namespace

void* allocate(std::size_t bytes) {
  Cache& c = cache();
  const bool absurd = bytes > (std::size_t{1} << 60);  // rounding up must not wrap around
  const std::size_t size = absurd ? 0 : bucket_of(bytes);
  const std::lock_guard<std::mutex> lock(c.mutex);
  void* p = absurd ? nullptr : take_cached(c, size);
  if (!p && !absurd) p = large_memory(size);
  if (!p && !absurd && c.stats.cached > 0) {
    release_locked(c);  // blocks of other sizes may make room
    p = large_memory(size);
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
  const std::size_t size = bucket_of(bytes);
  const std::lock_guard<std::mutex> lock(c.mutex);
  c.stats.in_use -= size;
  try {
    c.free[size].push_back(p);
    c.stats.cached += size;
  } catch (const std::bad_alloc&) {  // called by destructors: what cannot be kept is given back
    std::free(p);
  }
}

AllocatorStats allocator_stats() {
  Cache& c = cache();
  const std::lock_guard<std::mutex> lock(c.mutex);
  return c.stats;
}

void release_cached() {
  Cache& c = cache();
  const std::lock_guard<std::mutex> lock(c.mutex);
  release_locked(c);
}

}  // namespace fledge::cpu
