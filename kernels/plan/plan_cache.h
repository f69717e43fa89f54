// PlanCache: plans by problem, least recently used first to go. Key: a struct of whole 8-byte words without padding.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace fledge {

/// Hashes a key word by word.
template <class Key>
struct KeyHash {
  static_assert(std::has_unique_object_representations_v<Key> && sizeof(Key) % 8 == 0,
                "a plan's key must have no padding bytes");

  std::size_t operator()(const Key& key) const {
    const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(Key) / 8>>(key);
    std::uint64_t h = 0;
    for (const std::uint64_t word : words) {
      h = (h ^ word) * 0x9E3779B97F4A7C15ull;  // 2^64 / golden ratio
      h ^= h >> 29;
    }
    return h;
  }
};

template <class Key, class Plan>
class PlanCache {
 public:
  /// A ResNet-152 training step has some 80 different problems; evaluation adds the fused ones, other batch sizes more.
  /// `whose`: names the plans in the warning.
  explicit PlanCache(const char* whose, std::size_t capacity = 512) : whose_(whose), capacity_(capacity) {}

  /// Null when there is no such plan yet. `kept`: a recording uses it, so it stays for good.
  Plan* find(const Key& key, bool kept = false) {
    const auto it = plans_.find(key);
    if (it == plans_.end()) return nullptr;
    it->second.last_used = ++clock_;
    it->second.kept |= kept;
    return &it->second.plan;
  }

  /// Adds a plan; the reference is good until the next insert. Warns once on stderr when plans are thrown out and built
  /// again all the time.
  Plan& insert(const Key& key, Plan plan, bool kept = false) {
    if (plans_.size() >= capacity_ && !plans_.contains(key)) evict_oldest();
    Entry& entry = plans_[key];
    entry = {std::move(plan), ++clock_, kept};
    return entry.plan;
  }

  std::size_t size() const { return plans_.size(); }
  void clear() { plans_.clear(); }

 private:
  struct Entry {
    Plan plan;
    std::uint64_t last_used = 0;
    bool kept = false;
  };

  void evict_oldest() {
    const auto older = [](const auto& a, const auto& b) {
      return a.second.kept != b.second.kept ? b.second.kept : a.second.last_used < b.second.last_used;
    };
    const auto oldest = std::min_element(plans_.begin(), plans_.end(), older);
    if (oldest == plans_.end() || oldest->second.kept) return;
    plans_.erase(oldest);
    if (++evictions_ == capacity_)
      std::fprintf(
          stderr,
          "warning: %s plans are rebuilt again and again: more than %zu problem sizes are in use; keep picture "
          "and batch sizes fixed\n",
          whose_, capacity_);
  }

  const char* whose_;
  std::size_t capacity_;
  std::unordered_map<Key, Entry, KeyHash<Key>> plans_;
  std::uint64_t clock_ = 0, evictions_ = 0;
};

}  // namespace fledge
