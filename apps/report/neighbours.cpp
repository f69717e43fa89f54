#include "apps/report/neighbours.h"

#include <algorithm>
#include <map>
#include <set>

#include "tensor/random.h"

namespace fledge::report {

std::vector<Neighbor> nearest_to(const ExactNeighbors& rows, const Embeddings& e, std::int64_t query,
                                 std::int64_t count) {
  // Behind so many copies of it that it is not found itself, the last one is too many.
  std::vector<Neighbor> nearest = rows.nearest(e.vectors.slice(0, query, 1), count + 1)[0];
  std::erase_if(nearest, [&](const Neighbor& n) { return n.row == query; });
  if (static_cast<std::int64_t>(nearest.size()) > count) nearest.resize(count);
  return nearest;
}

std::vector<std::int64_t> choose_queries(const ExactNeighbors& rows, const Embeddings& e, const QueryChoice& choice) {
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
    const bool hit = e.labels[nearest_to(rows, e, i, 1)[0].row] == e.labels[i];
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
