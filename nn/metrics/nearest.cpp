#include "nn/metrics/nearest.h"

#include <algorithm>
#include <cfloat>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace fledge {

double exact_squared_distance(const float* a, const float* b, std::int64_t n) {
  // Four sums side by side: fast without reordering by the compiler, so that every call gives the same digits.
  double sums[4] = {0, 0, 0, 0};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; ++k) {
      const double difference = static_cast<double>(a[i + k]) - b[i + k];
      sums[k] += difference * difference;
    }
  for (; i < n; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sums[0] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

float distance_slack(std::int64_t d) {
  constexpr double kUnit = 1.0 / (1 << 24);  // half an ulp of 1
  return static_cast<float>((0.5 * static_cast<double>(d) + 16) * kUnit * 1.01);
}

std::vector<std::int32_t> count_twins(const float* rows, std::int64_t n, std::int64_t d) {
  const auto bytes = [&](std::int64_t i) {
    return std::string_view(reinterpret_cast<const char*>(rows + i * d), static_cast<std::size_t>(d) * sizeof(float));
  };
  std::unordered_map<std::string_view, std::int32_t> seen;
  seen.reserve(static_cast<std::size_t>(n));
  std::vector<std::int32_t> before(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) before[i] = seen[bytes(i)]++;
  return before;
}

void NearestList::start(const Query& query, const float* gallery, std::int64_t d, const RowSizes& sizes,
                        std::int64_t keep, std::int64_t skip) {
  query_ = query;
  gallery_ = gallery;
  sizes_ = &sizes;
  d_ = d;
  keep_ = keep;
  skip_ = skip;
  limit_ = 2 * keep + 256;
  slack_ = distance_slack(d);
  threshold_ = std::numeric_limits<float>::infinity();
  items_.clear();
}

void NearestList::offer(const float* products, std::int64_t first, std::int64_t count) {
  constexpr std::int64_t kChunk = 32;
  const float* squares = sizes_->squares.data() + first;
  const float* lengths = sizes_->lengths.data() + first;
  for (std::int64_t j = 0; j < count; j += kChunk) {
    const std::int64_t n = std::min(kChunk, count - j);
    float low[kChunk], high[kChunk], lowest = std::numeric_limits<float>::infinity();
    for (std::int64_t k = 0; k < n; ++k) {
      const float reach = query_.length + lengths[j + k];
      const float value = query_.square + squares[j + k] - 2 * products[j + k];
      // FLT_MIN covers products that underflow.
      const float slack = slack_ * reach * reach + FLT_MIN;
      low[k] = value - slack;
      high[k] = value + slack;
      lowest = std::min(lowest, low[k]);
    }
    if (lowest > threshold_) continue;
    for (std::int64_t k = 0; k < n; ++k)
      if (low[k] <= threshold_ && first + j + k != skip_ && !crowded_out(first + j + k))
        items_.push_back({low[k], high[k], static_cast<std::int32_t>(first + j + k)});
    if (static_cast<std::int64_t>(items_.size()) + kChunk > limit_) shrink();
  }
}

/// A superset of the r nearest: at least r items have high <= the r-th smallest high, so an item with low above it is
/// not among them.
std::vector<NearestList::Item> NearestList::within_bounds(std::int64_t r) const {
  if (static_cast<std::int64_t>(items_.size()) <= r) return items_;
  std::vector<float> highs;
  highs.reserve(items_.size());
  for (const Item& item : items_) highs.push_back(item.high);
  std::nth_element(highs.begin(), highs.begin() + (r - 1), highs.end());
  std::vector<Item> kept;
  for (const Item& item : items_)
    if (item.low <= highs[r - 1]) kept.push_back(item);
  return kept;
}

/// Drops what cannot be among the nearest. Where too many cannot be told apart in float32 (copies of one picture),
/// their exact distances decide, so the list's size is bounded whatever the data.
void NearestList::shrink() {
  std::vector<Item> kept = within_bounds(keep_);
  if (static_cast<std::int64_t>(kept.size()) > keep_ + keep_ / 2 + 64) {
    std::vector<std::pair<ExactItem, Item>> ranked;
    ranked.reserve(kept.size());
    for (const Item& item : kept) ranked.emplace_back(exact(item.index), item);
    std::nth_element(ranked.begin(), ranked.begin() + (keep_ - 1), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    kept.clear();
    for (std::int64_t i = 0; i < keep_; ++i) kept.push_back(ranked[i].second);
  }
  items_ = std::move(kept);
  if (static_cast<std::int64_t>(items_.size()) < keep_) return;
  std::vector<float> highs;
  for (const Item& item : items_) highs.push_back(item.high);
  std::nth_element(highs.begin(), highs.begin() + (keep_ - 1), highs.end());
  threshold_ = highs[keep_ - 1];
}

std::vector<ExactItem> NearestList::nearest(std::int64_t r) const {
  std::vector<ExactItem> out;
  for (const Item& item : within_bounds(r)) out.push_back(exact(item.index));
  std::sort(out.begin(), out.end());
  if (static_cast<std::int64_t>(out.size()) > r) out.resize(r);
  return out;
}

}  // namespace fledge
