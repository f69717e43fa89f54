// PackedWeights: the forms of one weight that kernels like better than the plain one, kept in the weight's slot.
// Several implementations keep theirs side by side. They die with the weight's storage, so no map keyed by pointers can
// serve a recycled address.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/api/tensor_view.h"

namespace fledge {

/// Names a packed form: whose it is (the address of something of the owner's own), and which of the owner's forms.
struct WeightForm {
  const void* owner;
  int form;

  friend bool operator==(const WeightForm&, const WeightForm&) = default;
};

class PackedWeights : public BackendSlot {
 public:
  /// Forward and backward data want different forms, other batch sizes sometimes others again, for each implementation
  /// that a weight may meet.
  static constexpr std::size_t kMostForms = 8;

  /// The form of `w`, made by pack(to) where there is none of the weight's version yet. `w` must have a holder.
  /// Contexts of several threads may share a weight: one packs, the others wait. Throws Error(Resource) when memory
  /// runs out.
  static void* of(const TensorView& w, WeightForm form, std::size_t bytes, const std::function<void(void*)>& pack);
  /// Gives all forms of `w` up, but for one that `w` itself lies in (a bfloat16 weight's float32 form).
  static void forget(const TensorView& w);

 private:
  struct FreeBytes {
    void operator()(void* p) const { std::free(p); }
  };
  struct Entry {
    WeightForm form;
    bool filled = false;
    std::uint64_t version = 0;  // of the weight when it was packed
    std::uint64_t last_used = 0;
    std::unique_ptr<void, FreeBytes> bytes;
  };
  /// Allocated, and not filled, when there was none; the least recently used one makes room.
  Entry& entry(WeightForm form, std::size_t bytes);

  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace fledge
