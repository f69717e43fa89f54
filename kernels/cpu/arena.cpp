#include "kernels/cpu/arena.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>

#include "base/large_memory.h"

namespace fledge::cpu {
namespace {

constexpr std::uintptr_t kRoom = std::uintptr_t{1} << 40;  // addresses below the system's own that are left to the run

std::size_t whole_huge_pages(std::size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

/// Mapped memory, at `wanted` where nothing lies there; null where there is none.
char* map_memory(char* wanted, std::size_t bytes) {
  void* p = mmap(wanted, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  madvise(p, bytes, MADV_HUGEPAGE);  // a refusal only costs speed
  return static_cast<char*>(p);
}

/// Where a run may begin: far from what the system puts below its last mapping, and from other arenas' runs.
char* beginning() {
  static std::atomic<std::uintptr_t> begun{0};
  const std::uintptr_t below = kRoom * (1 + begun++ % 8);
  void* probe = mmap(nullptr, Arena::kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return nullptr;
  munmap(probe, Arena::kPage);
  const auto address = reinterpret_cast<std::uintptr_t>(probe);
  return address > 2 * below ? reinterpret_cast<char*>((address - below) / kHugePage * kHugePage) : nullptr;
}

}  // namespace

void* Arena::take(std::size_t bytes) {
  auto best = free_.end();
  for (auto range = free_.begin(); range != free_.end(); ++range)
    if (range->second >= bytes && (best == free_.end() || range->second < best->second)) best = range;
  if (best == free_.end()) return nullptr;
  char* const block = best->first;
  auto range = free_.extract(best);  // its node is used again: nothing is allocated here
  if (range.mapped() > bytes) {
    range.key() += bytes;
    range.mapped() -= bytes;
    free_.insert(std::move(range));
  }
  free_bytes_ -= bytes;
  return block;
}

bool Arena::grow(std::size_t bytes) {
  if (!end_) end_ = beginning();
  std::size_t there = 0;  // free at the end of the run
  if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == end_)
    there = std::prev(free_.end())->second;
  std::size_t more = whole_huge_pages(bytes - there);
  char* p = map_memory(end_, more);
  if (p && p != end_ && there > 0) {  // a new run elsewhere, where what is free at the old one's end does not help
    munmap(p, more);
    more = whole_huge_pages(bytes);
    p = map_memory(nullptr, more);
  }
  if (!p) return false;
  end_ = p + more;
  add(p, more);
  return true;
}

void Arena::put(void* block, std::size_t bytes) {
  try {
    add(static_cast<char*>(block), bytes);
  } catch (const std::bad_alloc&) {  // called by destructors: what cannot be kept is given back
    munmap(block, bytes);
  }
}

void Arena::add(char* at, std::size_t bytes) {
  const auto next = free_.lower_bound(at);
  const bool joins_next = next != free_.end() && at + bytes == next->first;
  const bool joins_last = next != free_.begin() && std::prev(next)->first + std::prev(next)->second == at;
  if (joins_last) {
    std::prev(next)->second += bytes + (joins_next ? next->second : 0);
    if (joins_next) free_.erase(next);
  } else if (joins_next) {
    auto range = free_.extract(next);
    range.key() = at;
    range.mapped() += bytes;
    free_.insert(std::move(range));
  } else {
    free_.emplace(at, bytes);
  }
  free_bytes_ += bytes;
}

void Arena::release() {
  for (const auto& [at, bytes] : free_) {
    munmap(at, bytes);
    if (at + bytes == end_) end_ = at;
  }
  free_.clear();
  free_bytes_ = 0;
}

}  // namespace fledge::cpu
