#include "nn/losses/pairs/triplet.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/all_triplets.h"
#include "nn/losses/pairs/label_loss.h"
#include "nn/losses/pairs/masked_sums.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

/// 1 for anchors that have a positive and a negative.
std::vector<double> complete_anchors(const std::vector<std::int64_t>& labels) {
  std::map<std::int64_t, std::size_t> sizes;
  for (std::int64_t y : labels) ++sizes[y];
  std::vector<double> complete;
  for (std::int64_t y : labels) complete.push_back(sizes[y] > 1 && sizes[y] < labels.size() ? 1 : 0);
  return complete;
}

}  // namespace

LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  const PairBatch batch = pairs_within("triplet_batch_hard", embedding, labels);
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const Variable d = pair_distances(batch);
  const Variable positive = masked_row_max(d, batch.positive), negative = masked_row_min(d, batch.negative);
  const Variable z = positive - negative;
  const Variable h = form == TripletMargin::Hinge ? relu(z + margin) : softplus(z);

  const std::vector<double> complete = complete_anchors(y);
  const std::vector<double> ap = positive.value().to_vector<double>(), an = negative.value().to_vector<double>();
  double anchors = 0, active = 0, sum_positive = 0, sum_negative = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (complete[i] == 0) continue;
    anchors += 1;
    active += ap[i] - an[i] + (form == TripletMargin::Hinge ? margin : 0) > 0;
    sum_positive += ap[i];
    sum_negative += an[i];
  }
  // Left-out anchors are multiplied by 0: their row extremes are 0 by contract, never infinite.
  const Variable chosen(from_vector(complete, labels.dims()).to(d.value().dtype()));
  return {affine(sum(h * chosen), ratio(1, anchors), 0),
          {{"active", ratio(active, anchors)},
           {"mean_positive", ratio(sum_positive, anchors)},
           {"mean_negative", ratio(sum_negative, anchors)}}};
}

LossOutput triplet_all(const PairBatch& batch, const TripletOptions& options) {
  const Variable d = pair_distances(batch);
  const AllTriplets all = all_triplets(d, batch, options);
  const double active = ratio(static_cast<double>(all.active), static_cast<double>(all.triplets));
  return {all.value, pair_numbers(active, d.value(), batch)};
}

LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  return triplet_all(pairs_within("triplet_all", embedding, labels), {.margin = margin, .form = form});
}

namespace {

LossEntry entry(const char* name, const char* summary,
                LossOutput (*f)(const Variable&, const Tensor&, double, TripletMargin)) {
  const auto make = [name, f](const LossOptions& options, const LossSetup&) -> std::shared_ptr<Loss> {
    const TripletOptions o = read_triplet(OptionReader(name, options), false);
    return std::make_shared<LabelLoss>(
        name, [f, o](const Variable& e, const Tensor& labels) { return f(e, labels, o.margin, o.form); });
  };
  return {LossKind::Metric, summary, triplet_options(false), make};
}

std::shared_ptr<Loss> make_triplet(const LossOptions& options, const LossSetup&) {
  const TripletOptions o = read_triplet(OptionReader("triplet", options), true);
  return std::make_shared<LabelLoss>("triplet", [o](const Variable& e, const Tensor& labels) {
    return triplet_all(pairs_within("triplet", e, labels), o);
  });
}

LossOutput semihard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  return triplet_semihard(pairs_within("triplet_semihard", embedding, labels), margin, form);
}

}  // namespace

LossEntries triplet_entries() {
  return {{"triplet",
           {LossKind::Metric,
            "every triplet of the batch, mean over the active ones (form: hinge|soft; miner: all|easy|semihard|hard)",
            triplet_options(true), make_triplet}},
          {"triplet-hard",
           entry("triplet-hard",
                 "hardest positive and negative of each anchor; Yu et al. 2019 use margin 0 (form: hinge|soft)",
                 triplet_batch_hard)},
          {"triplet-semihard",
           entry("triplet-semihard",
                 "for each anchor and positive the nearest negative beyond, else the farthest (form: hinge|soft)",
                 semihard)}};
}

}  // namespace fledge
