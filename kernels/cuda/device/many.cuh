// Many tensors in few launches: lists of pointers travel in the kernel's parameters (4 KiB at most), so that nothing is
// uploaded and a recorded launch can be run again. Work is cut into chunks of one size, a block each.
#pragma once
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

inline constexpr std::int64_t kChunk = 1 << 13;  // elements: eight packs a thread, one after the other

/// Up to MOST entries (with `numel` elements each) of one launch.
template <class Entry, int MOST>
struct Batch {
  static constexpr int kMost = MOST;
  int count = 0;
  unsigned first_chunk[MOST + 1] = {};  // of each entry; behind the last, how many there are
  Entry entry[MOST];

  bool full() const { return count == MOST; }
  unsigned chunks() const { return first_chunk[count]; }
  void add(const Entry& e) {
    entry[count++] = e;
    first_chunk[count] = first_chunk[count - 1] + static_cast<unsigned>((e.numel + kChunk - 1) / kChunk);
  }
  /// The entry that chunk number `chunk` belongs to.
  __device__ int find(unsigned chunk) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_chunk[middle] <= chunk)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

}  // namespace fledge::cuda
