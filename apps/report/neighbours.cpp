#include "apps/report/neighbours.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tensor/random.h"

namespace fledge::report {

std::vector<Neighbour> nearest_to(const Embeddings& e, std::int64_t query, std::int64_t count) {
  const std::int64_t n = e.vectors.dim(0), d = e.vectors.dim(1);
  const float* rows = e.vectors.data<float>();
  std::vector<Neighbour> all;
  all.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    if (i == query) continue;
    double sum = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      const double difference = static_cast<double>(rows[query * d + k]) - static_cast<double>(rows[i * d + k]);
      sum += difference * difference;
    }
    all.push_back({i, sum});
  }
  const auto kept = all.begin() + std::min(count, static_cast<std::int64_t>(all.size()));
  std::partial_sort(all.begin(), kept, all.end(), [](const Neighbour& a, const Neighbour& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.index < b.index);
  });
  all.erase(kept, all.end());
  for (Neighbour& neighbour : all) neighbour.distance = std::sqrt(neighbour.distance);
  return all;
}

std::vector<std::int64_t> choose_queries(const Embeddings& e, const QueryChoice& choice) {
  constexpr std::int64_t kLooked = 1000;
  std::map<std::int64_t, std::int64_t> sizes;
  for (const std::int64_t label : e.labels) ++sizes[label];
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(e.labels.size()); ++i)
    if (sizes[e.labels[i]] > 1) order.push_back(i);
  Generator g = Generator::of({choice.seed, 0x7175657279ull});  // "query"
  g.shuffle(order);
  // First of each class, then second of each class, ...: a class twice only when all are there.
  std::map<std::int64_t, std::int64_t> seen;
  std::vector<std::pair<std::int64_t, std::int64_t>> turns;
  for (const std::int64_t i : order) turns.emplace_back(seen[e.labels[i]]++, i);
  std::stable_sort(turns.begin(), turns.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

  const auto wanted = static_cast<std::size_t>(choice.count), half = (wanted + 1) / 2;
  std::vector<std::int64_t> right, wrong, spare;
  std::set<std::int64_t> used;
  for (std::size_t at = 0; at < turns.size() && at < kLooked; ++at) {
    if (right.size() >= half && wrong.size() >= wanted - half) break;
    const std::int64_t i = turns[at].second;
    const bool hit = e.labels[nearest_to(e, i, 1)[0].index] == e.labels[i];
    std::vector<std::int64_t>& list = hit ? right : wrong;
    const bool fits = list.size() < (hit ? half : wanted - half) && !used.count(e.labels[i]);
    if (fits) used.insert(e.labels[i]);
    (fits ? list : spare).push_back(i);
  }
  std::vector<std::int64_t> chosen;
  for (std::size_t k = 0; k < half; ++k) {
    if (k < right.size()) chosen.push_back(right[k]);
    if (k < wrong.size()) chosen.push_back(wrong[k]);
  }
  for (std::size_t k = 0; chosen.size() < wanted && k < spare.size(); ++k) chosen.push_back(spare[k]);
  return chosen;
}

}  // namespace fledge::report
