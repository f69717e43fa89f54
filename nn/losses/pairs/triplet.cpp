#include "nn/losses/pairs/triplet.h"

#include <limits>

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/entries.h"
#include "nn/losses/pairs/all_triplets.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

struct PairMasks {
  Tensor positive, negative;  // n,n uint8; the diagonal is in neither
};

PairMasks pair_masks(const std::vector<std::int64_t>& labels) {
  const std::int64_t n = static_cast<std::int64_t>(labels.size());
  PairMasks masks{zeros({n, n}, DType::UInt8), zeros({n, n}, DType::UInt8)};
  std::uint8_t* positive = masks.positive.data<std::uint8_t>();
  std::uint8_t* negative = masks.negative.data<std::uint8_t>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      const bool same = labels[i] == labels[j];
      positive[i * n + j] = same && i != j;
      negative[i * n + j] = !same;
    }
  return masks;
}

/// 1 for anchors that have a positive and a negative.
std::vector<double> complete_anchors(const std::vector<std::int64_t>& labels) {
  std::map<std::int64_t, std::size_t> sizes;
  for (std::int64_t y : labels) ++sizes[y];
  std::vector<double> complete;
  for (std::int64_t y : labels) complete.push_back(sizes[y] > 1 && sizes[y] < labels.size() ? 1 : 0);
  return complete;
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  check_labels("triplet_batch_hard", embedding.value(), labels);
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const PairMasks masks = pair_masks(y);
  const Variable d = pairwise_distance(embedding, embedding);
  const Variable positive = masked_row_max(d, masks.positive), negative = masked_row_min(d, masks.negative);
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

LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form) {
  check_labels("triplet_all", embedding.value(), labels);
  const Variable d = pairwise_distance(embedding, embedding);
  const AllTriplets all = all_triplets(d, labels, margin, form);

  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const std::vector<double> distances = d.value().to_vector<double>();
  double positives = 0, negatives = 0, sum_positive = 0, sum_negative = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const bool same = y[i] == y[j];
      (same ? positives : negatives) += 1;
      (same ? sum_positive : sum_negative) += distances[i * y.size() + j];
    }
  return {all.value,
          {{"active", ratio(static_cast<double>(all.active), static_cast<double>(all.triplets))},
           {"mean_positive", ratio(sum_positive, positives)},
           {"mean_negative", ratio(sum_negative, negatives)}}};
}

namespace {

class TripletLoss : public Loss {
 public:
  TripletLoss(bool hard, double margin, TripletMargin form) : hard_(hard), margin_(margin), form_(form) {}
  const char* name() const override { return hard_ ? "triplet-hard" : "triplet"; }
  LossNeeds needs() const override { return {.labels = true}; }
  LossOutput forward(const LossInput& input) const override {
    const Variable& f = input.student.embedding;
    return hard_ ? triplet_batch_hard(f, input.labels, margin_, form_) : triplet_all(f, input.labels, margin_, form_);
  }

 private:
  bool hard_;
  double margin_;
  TripletMargin form_;
};

LossEntry entry(bool hard, const char* summary) {
  const auto make = [hard](const LossOptions& options, const LossSetup&) -> std::shared_ptr<Loss> {
    const OptionReader read(hard ? "triplet-hard" : "triplet", options);
    const bool soft = read.choice("form", {"hinge", "soft"}) == 1;
    return std::make_shared<TripletLoss>(hard, read.number("margin", 0, std::numeric_limits<double>::infinity()),
                                         soft ? TripletMargin::Soft : TripletMargin::Hinge);
  };
  return {LossKind::Metric, summary, {{"margin", "0.2"}, {"form", "hinge"}}, make};
}

}  // namespace

LossEntries triplet_entries() {
  return {
      {"triplet", entry(false, "every triplet of the batch, mean over the active ones (form: hinge|soft)")},
      {"triplet-hard",
       entry(true, "hardest positive and negative of each anchor; Yu et al. 2019 use margin 0 (form: hinge|soft)")}};
}

}  // namespace fledge
