// PlanCache: the plans of one context, least recently used first to go.
#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "kernels/onednn/plan.h"

namespace fledge::onednn {

class PlanCache {
 public:
  /// A ResNet-101 training step has some 80 different problems; a plan takes 50-100 KB, most of it machine code.
  static constexpr std::size_t kCapacity = 512;

  /// Null when there is no such plan yet.
  Plan* find(const PlanKey& key) {
    const auto it = plans_.find(key);
    if (it == plans_.end()) return nullptr;
    it->second.last_used = ++clock_;
    return it->second.plan.get();
  }
  /// Adds a plan. Warns once on stderr when plans are thrown out and built again all the time.
  Plan& insert(const PlanKey& key, std::unique_ptr<Plan> plan);
  std::size_t size() const { return plans_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const PlanKey& key) const;
  };
  struct Entry {
    std::unique_ptr<Plan> plan;
    std::uint64_t last_used = 0;
  };
  void evict_oldest();

  std::unordered_map<PlanKey, Entry, Hash> plans_;
  std::uint64_t clock_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace fledge::onednn
