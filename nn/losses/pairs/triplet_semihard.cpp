// The semi-hard rule: which negative goes with each anchor and positive, and the loss of these triplets.
#include <algorithm>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/losses/pairs/pair_options.h"
#include "nn/losses/pairs/triplet.h"
#include "tensor/creation.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

/// Places in the n,m distance matrix, row-major: of D_ap and of D_an.
struct Triplets {
  std::vector<std::int64_t> positive, negative;
};

/// One row: its negatives by rising distance (ties by index), then for each positive the first that is farther.
void choose_in_row(const double* d, const std::uint8_t* positive, const std::uint8_t* negative, std::int64_t m,
                   std::int64_t first, Triplets& chosen) {
  std::vector<std::int64_t> order;
  for (std::int64_t j = 0; j < m; ++j)
    if (negative[j]) order.push_back(j);
  if (order.empty()) return;
  std::stable_sort(order.begin(), order.end(), [d](std::int64_t a, std::int64_t b) { return d[a] < d[b]; });
  const std::int64_t farthest =
      *std::find_if(order.begin(), order.end(), [&](std::int64_t j) { return d[j] >= d[order.back()]; });
  for (std::int64_t p = 0; p < m; ++p) {
    if (!positive[p]) continue;
    const auto beyond =
        std::upper_bound(order.begin(), order.end(), d[p], [d](double at, std::int64_t j) { return at < d[j]; });
    chosen.positive.push_back(first + p);
    chosen.negative.push_back(first + (beyond == order.end() ? farthest : *beyond));
  }
}

Triplets choose(const Tensor& distances, const PairBatch& batch) {
  const std::vector<double> d = distances.to_vector<double>();
  const std::int64_t n = distances.dim(0), m = distances.dim(1);
  Triplets chosen;
  for (std::int64_t first = 0; first < n * m; first += m)
    choose_in_row(d.data() + first, batch.positive.data<std::uint8_t>() + first,
                  batch.negative.data<std::uint8_t>() + first, m, first, chosen);
  return chosen;
}

}  // namespace

LossOutput triplet_semihard(const PairBatch& batch, double margin, TripletMargin form) {
  const Variable d = pair_distances(batch);
  const Triplets chosen = choose(d.value(), batch);
  const auto count = static_cast<std::int64_t>(chosen.positive.size());
  if (count == 0) return {0.0 * sum(d), pair_numbers(0, d.value(), batch)};
  const Variable column = reshape(d, {d.dims().numel(), 1});
  const Variable difference = index_select(column, from_vector(chosen.positive, {count})) -
                              index_select(column, from_vector(chosen.negative, {count}));
  const bool hinge = form == TripletMargin::Hinge;
  const Variable z = hinge ? difference + margin : difference, h = hinge ? relu(z) : softplus(z);
  const Tensor is_active = above_zero(z.value());
  const LossNumbers numbers = pair_numbers(total_of(is_active, static_cast<double>(count)), d.value(), batch);
  return {hinge ? over(sum(h), sum(is_active)) : mean(h), numbers};
}

LossEntry triplet_semihard_entry() {
  return {"triplet-semihard", LossKind::Metric,
          "for each anchor and positive the nearest negative beyond, else the farthest (form: hinge|soft)",
          triplet_options(false), [](const OptionReader& read, const LossSetup&) {
            const TripletOptions o = read_triplet(read, false);
            // It chooses on the host.
            return loss_of_pairs(
                read.loss(), [o](const PairBatch& batch) { return triplet_semihard(batch, o.margin, o.form); }, false);
          }};
}

}  // namespace fledge
