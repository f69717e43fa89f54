#include "kernels/onednn/plan_cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <type_traits>

namespace fledge::onednn {

static_assert(std::has_unique_object_representations_v<PlanKey>, "a plan's key must have no padding bytes");

std::size_t PlanCache::Hash::operator()(const PlanKey& key) const {
  const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(PlanKey) / 8>>(key);
  std::uint64_t h = 0;
  for (std::uint64_t word : words) {
    h = (h ^ word) * 0x9E3779B97F4A7C15ull;  // 2^64 / golden ratio
    h ^= h >> 29;
  }
  return h;
}

Plan& PlanCache::insert(const PlanKey& key, std::unique_ptr<Plan> plan) {
  if (plans_.size() >= kCapacity) evict_oldest();
  Entry& entry = plans_[key];
  entry = {std::move(plan), ++clock_};
  return *entry.plan;
}

void PlanCache::evict_oldest() {
  plans_.erase(std::min_element(plans_.begin(), plans_.end(),
                                [](const auto& a, const auto& b) { return a.second.last_used < b.second.last_used; }));
  if (++evictions_ == kCapacity)
    std::fprintf(stderr,
                 "warning: oneDNN plans are rebuilt again and again: more than %zu problem sizes are in use; keep "
                 "picture and batch sizes fixed\n",
                 kCapacity);
}

}  // namespace fledge::onednn
