// A tensor between two kernels of one entry.
#pragma once
#include "kernels/cpu/allocator.h"

namespace fledge::cpu {

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
