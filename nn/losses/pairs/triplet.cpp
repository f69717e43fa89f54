#include "nn/losses/pairs/triplet.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/with_gradient.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
TripletParams triplet_params(const TripletOptions& options) {
  TripletParams p;
  p.margin = options.margin;
  p.soft = options.form == TripletMargin::Soft;
  if (options.miner == TripletMiner::Hard) p.upto = 0;
  if (options.miner == TripletMiner::Semihard) p.above = 0, p.upto = options.margin;
  if (options.miner == TripletMiner::Easy) p.above = options.margin;
  return p;
}

LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  const PairBatch batch = pairs_within("triplet_batch_hard", embedding, labels);
  const bool hinge = form == TripletMargin::Hinge;
  const Variable d = pair_distances(batch);
  const Variable positive = masked_row_max(d, batch.positive), negative = masked_row_min(d, batch.negative);
  const Variable difference = positive - negative, z = hinge ? difference + margin : difference;
  const Variable h = hinge ? relu(z) : softplus(z);
  const auto in_row = [&](const Tensor& mask) { return not_none(sum(mask.to(d.value().dtype()), {1})); };
  const Tensor complete = mul(in_row(batch.positive), in_row(batch.negative));
  const auto mean = [&](const Tensor& x) { return mean_of_marked(x, complete); };
  // Left-out anchors are multiplied by 0: their row extremes are 0 by contract, never infinite.
  return {over(sum(h * Variable(complete)), sum(complete)),
          {{"active", mean(above_zero(z.value()))},
           {"mean_positive", mean(positive.value())},
           {"mean_negative", mean(negative.value())}}};
}

LossOutput triplet_all(const PairBatch& batch, const TripletOptions& options) {
  const Variable d = pair_distances(batch);
  const TripletResult all = all_triplets(d.value(), batch.positive, batch.negative, triplet_params(options));
  const Tensor counts = all.counts.to(d.value().dtype());  // for the log
  const auto count = [&](std::int64_t i) { return counts.slice(0, i, 1).reshape({}); };
  return {with_gradient(all.value, d, all.gradient), pair_numbers(ratio(count(2), count(0)), d.value(), batch)};
}

LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  return triplet_all(pairs_within("triplet_all", embedding, labels), {.margin = margin, .form = form});
}

LossEntry triplet_entry() {
  return {"triplet", LossKind::Metric,
          "every triplet of the batch, mean over the active ones (form: hinge|soft; miner: all|easy|semihard|hard)",
          triplet_options(true), [](const OptionReader& read, const LossSetup&) {
            return loss_of_pairs(
                read.loss(), [o = read_triplet(read, true)](const PairBatch& batch) { return triplet_all(batch, o); });
          }};
}

LossEntry triplet_hard_entry() {
  return {"triplet-hard", LossKind::Metric,
          "hardest positive and negative of each anchor; Yu et al. 2019 use margin 0 (form: hinge|soft)",
          triplet_options(false), [](const OptionReader& read, const LossSetup&) {
            const TripletOptions o = read_triplet(read, false);
            return loss_of_labels(read.loss(), [o](const Variable& f, const Tensor& labels) {
              return triplet_batch_hard(f, labels, o.margin, o.form);
            });
          }};
}

}  // namespace fledge
