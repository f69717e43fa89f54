#include "kernels/onednn/packed_weights.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"

namespace fledge::onednn {

int layout_id(const dnnl::memory::desc& plain, const dnnl::memory::desc& packed) {
  static std::mutex mutex;
  static auto& known =
      *new std::vector<std::pair<dnnl::memory::desc, dnnl::memory::desc>>;  // see engine() for the leak
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i].first == plain && known[i].second == packed) return static_cast<int>(i);
  known.emplace_back(plain, packed);
  return static_cast<int>(known.size()) - 1;
}

PackedWeights::Entry& PackedWeights::entry(int layout, std::size_t bytes) {
  ++clock_;
  for (Entry& e : entries_)
    if (e.layout == layout) {
      e.last_used = clock_;
      return e;
    }
  std::unique_ptr<void, FreeBytes> memory(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (!memory)
    throw Error(ErrorKind::Resource, "onednn",
                "cannot allocate " + std::to_string(bytes) + " bytes for a packed weight",
                "use a smaller batch or model");
  if (entries_.size() == kMaxEntries)
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; }));
  entries_.push_back({layout, false, 0, clock_, std::move(memory)});
  return entries_.back();
}

}  // namespace fledge::onednn
