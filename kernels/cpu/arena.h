// Large blocks of memory side by side in one run of addresses, so that neighbors that were given back make room for a
// larger block. Blocks kept by size, as small ones are (allocator.cpp), would add up: the activations of every size at
// their most.
#pragma once
#include <cstddef>
#include <map>

namespace fledge::cpu {

/// Not thread-safe.
class Arena {
 public:
  static constexpr std::size_t kPage = 4096;

  /// `bytes`, a multiple of kPage, in the smallest free range that has them, the lowest of equals. Null: none has.
  void* take(std::size_t bytes);
  /// Memory of the system's for such a block, at the end of the run where that is free, on huge pages where the system
  /// has them; to be taken then. False: the system has none.
  bool grow(std::size_t bytes);
  /// Gives a block back.
  void put(void* block, std::size_t bytes);
  /// Gives everything free back to the system.
  void release();

  std::size_t free_bytes() const { return free_bytes_; }

 private:
  void add(char* at, std::size_t bytes);

  std::map<char*, std::size_t> free_;  // ranges by address, never two side by side
  std::size_t free_bytes_ = 0;
  char* end_ = nullptr;  // of the run
};

}  // namespace fledge::cpu
