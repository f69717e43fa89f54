#include "nn/losses/pairs/triplet.h"

#include <map>
#include <vector>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/all_triplets.h"
#include "nn/losses/pairs/label_loss.h"
#include "nn/losses/pairs/masked_sums.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

/// Anchors that have a positive and a negative: 1 for each, else 0; their number, and what the log says of them.
struct Anchors {
  Tensor complete;
  LoggedNumber count;
  LossNumbers numbers;
};

/// positive, negative: distances of the hardest. z above 0: an active anchor's.
Anchors anchors_on_device(const PairBatch& batch, const Tensor& positive, const Tensor& negative, const Tensor& z) {
  const DType dtype = z.dtype();
  const Tensor positives = sum(factors(batch.positive, dtype), {1}),
               negatives = sum(factors(batch.negative, dtype), {1});
  const Tensor complete = mul(not_none(positives), not_none(negatives));
  const LoggedNumber count = total_of(complete);
  const auto mean = [&](const Tensor& x) { return ratio(total_of(mul(x, complete)), count); };
  return {complete,
          count,
          {{"active", mean(above_zero(z))}, {"mean_positive", mean(positive)}, {"mean_negative", mean(negative)}}};
}

Anchors anchors_on_host(const Tensor& labels, const Tensor& positive, const Tensor& negative, double margin) {
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const std::vector<double> ap = positive.to_vector<double>(), an = negative.to_vector<double>();
  std::map<std::int64_t, std::size_t> sizes;
  for (std::int64_t label : y) ++sizes[label];
  std::vector<double> complete;
  double anchors = 0, active = 0, sum_positive = 0, sum_negative = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    complete.push_back(sizes[y[i]] > 1 && sizes[y[i]] < y.size() ? 1 : 0);
    if (complete.back() == 0) continue;
    anchors += 1;
    active += ap[i] - an[i] + margin > 0;
    sum_positive += ap[i];
    sum_negative += an[i];
  }
  return {from_vector(complete, labels.dims()).to(positive.dtype()),
          anchors,
          {{"active", ratio(active, anchors)},
           {"mean_positive", ratio(sum_positive, anchors)},
           {"mean_negative", ratio(sum_negative, anchors)}}};
}

}  // namespace

LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  const PairBatch batch = pairs_within("triplet_batch_hard", embedding, labels);
  const bool hinge = form == TripletMargin::Hinge;
  const Variable d = pair_distances(batch);
  const Variable positive = masked_row_max(d, batch.positive), negative = masked_row_min(d, batch.negative);
  const Variable difference = positive - negative, z = hinge ? difference + margin : difference;
  const Variable h = hinge ? relu(z) : softplus(z);
  const Anchors anchors = on_host(labels)
                              ? anchors_on_host(labels, positive.value(), negative.value(), hinge ? margin : 0)
                              : anchors_on_device(batch, positive.value(), negative.value(), z.value());
  // Left-out anchors are multiplied by 0: their row extremes are 0 by contract, never infinite.
  return {over(sum(h * Variable(anchors.complete)), anchors.count), anchors.numbers};
}

LossOutput triplet_all(const PairBatch& batch, const TripletOptions& options) {
  const Variable d = pair_distances(batch);
  const TripletSum all = all_triplets(d, batch, options);
  return {all.value, pair_numbers(ratio(all.active, all.triplets), d.value(), batch)};
}

LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  return triplet_all(pairs_within("triplet_all", embedding, labels), {.margin = margin, .form = form});
}

namespace {

LossEntry entry(const char* name, bool on_device, const char* summary,
                LossOutput (*f)(const Variable&, const Tensor&, double, TripletMargin)) {
  const auto make = [name, on_device, f](const LossOptions& options, const LossSetup&) -> std::shared_ptr<Loss> {
    const TripletOptions o = read_triplet(OptionReader(name, options), false);
    return std::make_shared<LabelLoss>(
        name, on_device, [f, o](const Variable& e, const Tensor& labels) { return f(e, labels, o.margin, o.form); });
  };
  return {LossKind::Metric, summary, triplet_options(false), make};
}

std::shared_ptr<Loss> make_triplet(const LossOptions& options, const LossSetup&) {
  const TripletOptions o = read_triplet(OptionReader("triplet", options), true);
  return std::make_shared<LabelLoss>("triplet", true, [o](const Variable& e, const Tensor& labels) {
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
           entry("triplet-hard", true,
                 "hardest positive and negative of each anchor; Yu et al. 2019 use margin 0 (form: hinge|soft)",
                 triplet_batch_hard)},
          {"triplet-semihard",
           entry("triplet-semihard", false,
                 "for each anchor and positive the nearest negative beyond, else the farthest (form: hinge|soft)",
                 semihard)}};
}

}  // namespace fledge
