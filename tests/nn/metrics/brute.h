// Retrieval metrics the plain way: every distance in double, a full sort per query. The oracle of evaluate_retrieval.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "nn/metrics/retrieval.h"

namespace fledge::test {

inline RetrievalMetrics brute_force_retrieval(const Tensor& query, const std::vector<std::int64_t>& query_labels,
                                              const Tensor& gallery, const std::vector<std::int64_t>& gallery_labels,
                                              const RetrievalOptions& options) {
  const std::vector<double> q = query.to_vector<double>(), g = gallery.to_vector<double>();
  const std::int64_t d = gallery.dim(1);
  RetrievalMetrics m;
  m.gallery = gallery.dim(0);
  for (std::int64_t k : options.recall_at) m.recall[k] = 0;
  for (std::int64_t i = 0; i < query.dim(0); ++i) {
    std::vector<std::pair<double, std::int64_t>> order;
    std::int64_t relevant = 0;
    for (std::int64_t j = 0; j < gallery.dim(0); ++j) {
      if (options.self_gallery && i == j) continue;
      double squares = 0;
      for (std::int64_t k = 0; k < d; ++k) squares += (q[i * d + k] - g[j * d + k]) * (q[i * d + k] - g[j * d + k]);
      order.emplace_back(squares, j);
      relevant += gallery_labels[j] == query_labels[i];
    }
    if (relevant == 0) {
      ++m.lone_queries;
      continue;
    }
    ++m.queries;
    std::sort(order.begin(), order.end());
    std::vector<bool> hit;
    for (const auto& item : order) hit.push_back(gallery_labels[item.second] == query_labels[i]);
    for (auto& [k, share] : m.recall)
      share += std::find(hit.begin(), hit.begin() + std::min<std::int64_t>(k, hit.size()), true) !=
               hit.begin() + std::min<std::int64_t>(k, hit.size());
    m.values["precision@1"] += hit[0];
    m.values["mrr"] += 1 / static_cast<double>(std::find(hit.begin(), hit.end(), true) - hit.begin() + 1);
    double hits = 0, sum = 0;
    for (std::int64_t r = 0; r < relevant; ++r) {
      hits += hit[r];
      if (hit[r]) sum += hits / static_cast<double>(r + 1);
    }
    m.values["map@r"] += sum / static_cast<double>(relevant);
    m.values["r_precision"] += hits / static_cast<double>(relevant);
  }
  const double n = static_cast<double>(std::max<std::int64_t>(1, m.queries));
  for (auto& [k, share] : m.recall) share /= n;
  m.values["precision@1"] /= n;
  m.values["map@r"] /= n;
  m.values["r_precision"] /= n;
  m.values["mrr"] /= n;
  return m;
}

/// Mean distances of pairs of the same and of different classes.
inline std::pair<double, double> brute_force_distances(const Tensor& x, const std::vector<std::int64_t>& labels) {
  const std::vector<double> v = x.to_vector<double>();
  const std::int64_t n = x.dim(0), d = x.dim(1);
  double sums[2] = {}, pairs[2] = {};
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      double squares = 0;
      for (std::int64_t k = 0; k < d; ++k) squares += (v[i * d + k] - v[j * d + k]) * (v[i * d + k] - v[j * d + k]);
      sums[labels[i] == labels[j]] += std::sqrt(squares);
      pairs[labels[i] == labels[j]] += 1;
    }
  return {sums[1] / pairs[1], sums[0] / pairs[0]};
}

}  // namespace fledge::test
