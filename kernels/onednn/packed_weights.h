// PackedWeights: the packed forms of one weight, kept in the weight's BackendSlot. They die with the weight's storage,
// so no map keyed by pointers can serve a recycled address.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels/api/tensor_view.h"

namespace fledge::onednn {

/// A small number for the pair of layouts, the same for equal pairs in the whole process: a weight may be packed by
/// several contexts and plans. The plain side counts, because a square matrix can be read transposed or not.
int layout_id(const dnnl::memory::desc& plain, const dnnl::memory::desc& packed);

struct PackedWeights : BackendSlot {
  struct FreeBytes {
    void operator()(void* p) const { std::free(p); }
  };
  struct Entry {
    int layout = 0;
    bool filled = false;
    std::uint64_t version = 0;  // of the weight when it was packed
    std::uint64_t last_used = 0;
    std::unique_ptr<void, FreeBytes> bytes;
  };
  /// Forward and backward data want different formats, and other batch sizes sometimes others again.
  static constexpr std::size_t kMaxEntries = 6;

  /// The entry of a layout, allocated (and not filled) when there was none; the least recently used one makes room.
  /// Throws Error(Resource) when memory runs out.
  Entry& entry(int layout, std::size_t bytes);

 private:
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace fledge::onednn
