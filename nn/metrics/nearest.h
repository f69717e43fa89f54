// NearestList: the L nearest of a stream of gallery items to one query, exactly, from rounded distances. Private to
// nn/metrics/.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

namespace fledge {

/// Squared distance in double, summed over the components in one fixed order: what "exact" means in nn/metrics.
double exact_squared_distance(const float* a, const float* b, std::int64_t n);

/// What a comparison needs of its rows besides their products. The rows are those of a matrix shifted by a common
/// centre and scaled by a common power of two, so that a tight cloud far from the origin keeps its digits in float32.
struct RowSizes {
  std::vector<float> squares;  // |x|^2
  std::vector<float> lengths;  // |x|
  /// How many earlier rows hold the very same bits; empty: not known. A row with more such twins than a list keeps
  /// comes after all of them, so it is passed over: a gallery collapsed to one point costs no more than another.
  std::vector<std::int32_t> twins_before;
};

/// twins_before of a matrix N,D.
std::vector<std::int32_t> count_twins(const float* rows, std::int64_t n, std::int64_t d);

/// A row's true (scaled) squared distance lies within slack * (|q| + |g|)^2 of |q|^2 + |g|^2 - 2 q.g computed in
/// float32 in any order of summation: D/2 roundings of products bounded by |q||g| <= (|q|+|g|)^2/4, twice, and a few
/// for the shift and the three-term sum.
float distance_slack(std::int64_t d);

/// Exact order: by exact_squared_distance, then by index.
struct ExactItem {
  double distance;
  std::int32_t index;
  bool operator<(const ExactItem& o) const {
    return distance < o.distance || (distance == o.distance && index < o.index);
  }
};

class NearestList {
 public:
  struct Query {
    const float* row;      // D unscaled values
    float square, length;  // scaled
  };
  /// gallery: unscaled rows. Holds at most about 2 * keep + 256 items. `skip`: a gallery index left out, or -1.
  void start(const Query& query, const float* gallery, std::int64_t d, const RowSizes& sizes, std::int64_t keep,
             std::int64_t skip);
  /// Products q.g (scaled) with the gallery items first, first + 1, ...; blocks must come in rising order.
  void offer(const float* products, std::int64_t first, std::int64_t count);

  /// How many gallery items come before the nearest one for which `hit`, 0 for the first; keep or more when it is not
  /// among the `keep` nearest, -1 when there is none in the list.
  template <class Hit>
  std::int64_t items_before_first(const Hit& hit) const;
  std::size_t size() const { return items_.size(); }
  /// The r <= keep nearest in exact order.
  std::vector<ExactItem> nearest(std::int64_t r) const;

 private:
  struct Item {
    float low, high;  // bounds of the scaled squared distance
    std::int32_t index;
  };
  ExactItem exact(std::int32_t index) const {
    return {exact_squared_distance(query_.row, gallery_ + index * d_, d_), index};
  }
  std::vector<Item> within_bounds(std::int64_t r) const;
  /// More twins than kept, and one more as the skipped item may be among them.
  bool crowded_out(std::int64_t index) const {
    return !sizes_->twins_before.empty() && sizes_->twins_before[index] > keep_;
  }
  void shrink();

  Query query_{};
  const float* gallery_ = nullptr;
  const RowSizes* sizes_ = nullptr;
  std::int64_t d_ = 0, keep_ = 0, skip_ = -1, limit_ = 0;
  float slack_ = 0, threshold_ = 0;  // items whose low is above cannot be among the nearest
  std::vector<Item> items_;
};

template <class Hit>
std::int64_t NearestList::items_before_first(const Hit& hit) const {
  // The nearest hit is one of those whose low bound does not exceed the smallest high bound of a hit.
  constexpr float kNone = std::numeric_limits<float>::infinity();
  float bound = kNone;
  for (const Item& item : items_)
    if (item.high < bound && hit(item.index)) bound = item.high;
  if (bound == kNone) return -1;
  ExactItem best{0, -1};
  Item best_bounds{};
  for (const Item& item : items_) {
    if (item.low > bound || !hit(item.index)) continue;
    const ExactItem candidate = exact(item.index);
    if (best.index < 0 || candidate < best) {
      best = candidate;
      best_bounds = item;
    }
  }
  std::int64_t before = 0;
  for (const Item& item : items_) {
    if (item.low > best_bounds.high || item.index == best.index) continue;
    before += item.high < best_bounds.low || exact(item.index) < best;
  }
  return before;
}

}  // namespace fledge
