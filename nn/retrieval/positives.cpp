#include "nn/retrieval/positives.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "tensor/context.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

using Indices = std::vector<std::int64_t>;

/// Below it, distances in double take less time than gathering rows for a product.
constexpr std::int64_t kSmallClass = 48;

struct Members {
  Indices queries, items;
};

/// Of items of one class that are copies of each other only the first can be the nearest, and
/// one more for each that a query leaves out.
std::vector<Members> members_of_classes(const Indices& query_labels, const FramedRows& gallery,
                                        const Indices& gallery_labels, std::int64_t most_left_out) {
  std::unordered_map<std::int64_t, std::size_t> numbers;
  std::vector<Members> classes;
  for (std::size_t i = 0; i < query_labels.size(); ++i) {
    const auto [found, is_new] = numbers.emplace(query_labels[i], classes.size());
    if (is_new) classes.emplace_back();
    classes[found->second].queries.push_back(static_cast<std::int64_t>(i));
  }
  std::unordered_map<std::int64_t, std::int64_t> copies;  // of a first twin, in one class
  std::vector<Indices> items(classes.size());
  for (std::size_t i = 0; i < gallery_labels.size(); ++i) {
    const auto found = numbers.find(gallery_labels[i]);
    if (found != numbers.end()) items[found->second].push_back(static_cast<std::int64_t>(i));
  }
  for (std::size_t c = 0; c < classes.size(); ++c) {
    copies.clear();
    for (const std::int64_t i : items[c])
      if (copies[gallery.first_twin[i]]++ < 1 + most_left_out) classes[c].items.push_back(i);
  }
  return classes;
}

Tensor gather(const FramedRows& x, const std::int64_t* indices, std::int64_t count) {
  const Tensor out = Tensor::empty({count, x.d});
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(out.data<float>() + i * x.d, x.framed.data<float>() + indices[i] * x.d,
                static_cast<std::size_t>(x.d) * sizeof(float));
  return out;
}

class Search {
 public:
  Search(const FramedRows& query, const FramedRows& gallery, const LeftOut& left_out)
      : query_(query), gallery_(gallery), left_out_(left_out), nearest_(query.rows.dim(0)) {}

  void small(const std::vector<Members>& classes) {
    const auto count = static_cast<std::int64_t>(classes.size());
#pragma omp parallel for schedule(dynamic, 16) num_threads(num_threads())
    for (std::int64_t c = 0; c < count; ++c) {
      if (static_cast<std::int64_t>(classes[c].items.size()) > kSmallClass) continue;
      for (const std::int64_t q : classes[c].queries)
        for (const std::int64_t i : classes[c].items) consider(q, i);
    }
  }

  void large(const Members& m, std::int64_t block) {
    const auto queries = static_cast<std::int64_t>(m.queries.size()), items = static_cast<std::int64_t>(m.items.size());
    for (std::int64_t a = 0; a < queries; a += block) {
      const std::int64_t rows = std::min(block, queries - a);
      const Tensor left = gather(query_, &m.queries[a], rows);
      for (std::int64_t b = 0; b < items; b += block) {
        stop_if_asked();
        const std::int64_t width = std::min(block, items - b);
        const Tensor products = matmul(left, gather(gallery_, &m.items[b], width), false, true);
        const float* p = products.data<float>();
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
        for (std::int64_t i = 0; i < rows; ++i) preselect(m.queries[a + i], &m.items[b], p + i * width, width);
      }
    }
  }

  std::vector<Neighbor> take() { return std::move(nearest_); }

 private:
  void consider(std::int64_t query, std::int64_t item) {
    if (left_out_.has(query, item)) return;
    const Neighbor candidate{exact_squared_distance(query_, query, gallery_, item), static_cast<std::int32_t>(item)};
    if (nearest_[query].row < 0 || candidate < nearest_[query]) nearest_[query] = candidate;
  }

  void preselect(std::int64_t query, const std::int64_t* items, const float* products, std::int64_t count) {
    const float slack = distance_slack(query_.d), least = underflow_slack(query_.d), square = query_.squares[query];
    float bound = bound_of(query);
    for (std::int64_t k = 0; k < count; ++k) {
      const float sum = square + gallery_.squares[items[k]];
      if (sum - 2 * products[k] - slack * sum - least > bound) continue;
      consider(query, items[k]);
      bound = bound_of(query);
    }
  }

  /// The best distance so far, in the frame, rounded up.
  float bound_of(std::int64_t query) const {
    constexpr float kNone = std::numeric_limits<float>::infinity();
    if (nearest_[query].row < 0) return kNone;
    return std::nextafter(static_cast<float>(nearest_[query].square * query_.scale * query_.scale), kNone);
  }

  const FramedRows &query_, &gallery_;
  const LeftOut& left_out_;
  std::vector<Neighbor> nearest_;
};

}  // namespace

std::vector<Neighbor> nearest_positives(const FramedRows& query, const std::vector<std::int64_t>& query_labels,
                                        const FramedRows& gallery, const std::vector<std::int64_t>& gallery_labels,
                                        const LeftOut& left_out, std::int64_t block) {
  const std::vector<Members> classes = members_of_classes(query_labels, gallery, gallery_labels, left_out.most());
  Search search(query, gallery, left_out);
  search.small(classes);
  for (const Members& m : classes)
    if (static_cast<std::int64_t>(m.items.size()) > kSmallClass) search.large(m, block);
  return search.take();
}

}  // namespace fledge
