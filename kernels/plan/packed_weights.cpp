#include "kernels/plan/packed_weights.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "base/error.h"
#include "base/large_memory.h"

namespace fledge {

PackedWeights::Entry& PackedWeights::entry(WeightForm form, std::size_t bytes) {
  ++clock_;
  for (Entry& e : entries_)
    if (e.form == form) {
      e.last_used = clock_;
      return e;
    }
  std::unique_ptr<void, FreeBytes> memory(large_memory(bytes));
  if (!memory)
    throw Error(ErrorKind::Resource, "packed weight",
                "cannot allocate " + std::to_string(bytes) + " bytes for a packed weight",
                "use a smaller batch or model");
  if (entries_.size() == kMostForms)
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; }));
  entries_.push_back({form, false, 0, clock_, std::move(memory)});
  return entries_.back();
}

static std::mutex slots;  // guards all: a weight is packed once a step, or once

void PackedWeights::forget(const TensorView& w) {
  const std::lock_guard lock(slots);
  if (!w.holder || !w.holder->slot) return;
  std::erase_if(static_cast<PackedWeights*>(w.holder->slot)->entries_,
                [&](const Entry& e) { return e.bytes.get() != w.data; });
}

void* PackedWeights::of(const TensorView& w, WeightForm form, std::size_t bytes,
                        const std::function<void(void*)>& pack) {
  const std::lock_guard lock(slots);
  if (!w.holder->slot) w.holder->slot = new PackedWeights;
  Entry& e = static_cast<PackedWeights*>(w.holder->slot)->entry(form, bytes);  // nobody else fills a slot
  if (e.filled && e.version == w.version) return e.bytes.get();
  e.filled = false;  // stays so if packing throws
  pack(e.bytes.get());
  e.filled = true;
  e.version = w.version;
  return e.bytes.get();
}

}  // namespace fledge
