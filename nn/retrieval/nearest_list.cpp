#include "nn/retrieval/nearest_list.h"

#include <algorithm>
#include <utility>

namespace fledge {

void NearestList::start(const FramedRows& queries, std::int64_t query, const FramedRows& gallery, std::int64_t keep,
                        std::int64_t limit, std::int64_t left_out, SquaredDistance exact) {
  queries_ = &queries;
  gallery_ = &gallery;
  exact_ = exact;
  query_ = static_cast<std::int32_t>(query);
  keep_ = static_cast<std::int32_t>(keep);
  limit_ = static_cast<std::int32_t>(limit);
  left_out_ = static_cast<std::int32_t>(left_out);
  threshold_ = kNever;
  product_limit_ = -kNever;
  items_.clear();
}

void NearestList::close() {
  threshold_ = -kNever;
  product_limit_ = kNever;
  std::vector<Item>().swap(items_);
}

void NearestList::offer(float product, std::int64_t item) {
  const float a = queries_->squares[query_], b = gallery_->squares[item];
  const float value = a + b - 2 * product, slack = gallery_->slack.share * (a + b) + gallery_->slack.least;
  if (value - slack > threshold_) return;
  // More twins than are kept, as those left out may be among them.
  if (!gallery_->twins_before.empty() && gallery_->twins_before[item] >= keep_ + left_out_) return;
  if (items_.capacity() == 0) items_.reserve(limit_);
  items_.push_back({value - slack, value + slack, static_cast<std::int32_t>(item)});
  if (static_cast<std::int32_t>(items_.size()) == limit_) shrink();
}

Neighbor NearestList::exact(std::int32_t row) const { return {exact_(*queries_, query_, *gallery_, row), row}; }

/// The r-th smallest high.
float NearestList::high_of(std::int64_t r) const {
  thread_local std::vector<float> highs;  // of each thread: lists are many, and asked often
  highs.clear();
  for (const Item& item : items_) highs.push_back(item.high);
  std::nth_element(highs.begin(), highs.begin() + (r - 1), highs.end());
  return highs[r - 1];
}

/// A superset of the r nearest: at least r items have high <= the r-th smallest high, so an item with low above it is
/// not among them.
std::vector<NearestList::Item> NearestList::within_bounds(std::int64_t r) const {
  if (static_cast<std::int64_t>(items_.size()) <= r) return items_;
  const float high = high_of(r);
  std::vector<Item> kept;
  kept.reserve(items_.size());
  for (const Item& item : items_)
    if (item.low <= high) kept.push_back(item);
  return kept;
}

/// Drops what cannot be among the nearest. Where too many cannot be told apart in float32 (near copies of one picture),
/// their exact distances decide, so the list's size is bounded whatever the data.
void NearestList::shrink() {
  std::vector<Item> kept = within_bounds(keep_);
  if (static_cast<std::int32_t>(kept.size()) > keep_ + (limit_ - keep_) / 2) {
    std::vector<std::pair<Neighbor, Item>> ranked;
    ranked.reserve(kept.size());
    for (const Item& item : kept) ranked.emplace_back(exact(item.row), item);
    std::nth_element(ranked.begin(), ranked.begin() + (keep_ - 1), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    kept.clear();
    for (std::int32_t i = 0; i < keep_; ++i) kept.push_back(ranked[i].second);
  }
  items_.assign(kept.begin(), kept.end());
  threshold_ = high_of(keep_);
  product_limit_ = query_loose(queries_->squares[query_], threshold_, gallery_->slack);
}

std::vector<Neighbor> NearestList::nearest(std::int64_t r) const {
  std::vector<Neighbor> out;
  for (const Item& item : within_bounds(r)) out.push_back(exact(item.row));
  std::sort(out.begin(), out.end());
  if (static_cast<std::int64_t>(out.size()) > r) out.resize(r);
  return out;
}

}  // namespace fledge
