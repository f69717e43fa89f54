#include "nn/losses/pairs/softmax_pairs.h"

#include <map>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/gemm.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/losses/function_loss.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

/// Number of marked elements of each row: n,1.
Tensor row_counts(const Tensor& mask, DType dtype) { return sum(mask.to(dtype), {1}, true); }

/// Share of the positive pairs whose row has a negative as similar or more.
Tensor share_overtaken(const Tensor& similarities, const PairBatch& batch) {
  const DType dtype = similarities.dtype();
  const Tensor nearest = masked_row_extreme(similarities, batch.negative, true).value;
  const Tensor reached = not_below_zero(sub(nearest.reshape({nearest.dim(0), 1}), similarities));
  return mean_of_marked(mul(reached, not_none(row_counts(batch.negative, dtype))), batch.positive.to(dtype));
}

LossNumbers cosine_numbers(const Tensor& cosines, const PairBatch& batch) {
  return pair_numbers(share_overtaken(cosines, batch), distances_of_cosines(cosines), batch);
}

struct NPairs {
  std::vector<std::int64_t> anchor, positive;
};

NPairs first_two_of_each_class(const std::vector<std::int64_t>& labels) {
  std::map<std::int64_t, std::vector<std::int64_t>> rows;
  for (std::size_t i = 0; i < labels.size(); ++i) rows[labels[i]].push_back(static_cast<std::int64_t>(i));
  NPairs pairs;
  for (const auto& [label, of_class] : rows)
    if (of_class.size() >= 2) pairs.anchor.push_back(of_class[0]), pairs.positive.push_back(of_class[1]);
  return pairs;
}

Variable rows_of(const Variable& x, const std::vector<std::int64_t>& rows) {
  return index_select(x, from_vector(rows, {static_cast<std::int64_t>(rows.size())}));
}

}  // namespace

LossOutput n_pair(const Variable& embedding, const Tensor& labels, double l2) {
  check_labels("n_pair", embedding.value(), labels);
  const NPairs pairs = first_two_of_each_class(labels.to_vector<std::int64_t>());
  const auto classes = static_cast<std::int64_t>(pairs.anchor.size());
  if (classes == 0) return {0.0 * sum(embedding), {{"active", 0}, {"mean_positive", 0}, {"mean_negative", 0}}};
  const Variable anchor = rows_of(embedding, pairs.anchor), positive = rows_of(embedding, pairs.positive);
  const Variable products = matmul(anchor, positive, false, true);
  const Variable target = mean(take_along_row(log_softmax(products), arange(classes)));
  const Variable penalty = affine(sum(square(anchor)) + sum(square(positive)), l2 / (2.0 * classes), 0);

  const PairMaskPair own = pair_masks(arange(classes), arange(classes), -1);
  const PairBatch drawn{anchor, positive, own.positive, own.negative};
  return {penalty - target, pair_numbers(share_overtaken(products.value(), drawn),
                                         pairwise_distance(anchor.value(), positive.value()), drawn)};
}

LossOutput nt_xent(const PairBatch& batch, double temperature) {
  const Variable cosines = pair_cosines(batch), s = (1 / temperature) * cosines;
  const DType dtype = s.value().dtype();
  const Tensor positive = batch.positive.to(dtype);
  const Variable negatives = reshape(masked_log_sum_exp(s, batch.negative.to(dtype)), {s.dim(0), 1});
  // -log(e^s / (e^s + N)) = softplus(log N - s); a row without negatives has log N near -1e30 and adds 0.
  const Variable h = softplus(negatives - s) * Variable(positive);
  return {over(sum(h), sum(positive)), cosine_numbers(cosines.value(), batch)};
}

LossOutput supcon(const PairBatch& batch, double temperature) {
  const Variable cosines = pair_cosines(batch), s = (1 / temperature) * cosines;
  const Tensor positive = batch.positive.to(s.value().dtype()), negative = batch.negative.to(s.value().dtype());
  const Variable all = reshape(masked_log_sum_exp(s, add(positive, negative)), {s.dim(0), 1});
  const Tensor positives = sum(positive, {1}, true);
  const Tensor complete = mul(not_none(positives), not_none(sum(negative, {1}, true)));
  const Tensor shares = mul(ratio(positive, positives), complete);  // each query's add up to 1
  return {over(sum((all - s) * Variable(shares)), sum(complete)), cosine_numbers(cosines.value(), batch)};
}

namespace {

/// NT-Xent and SupCon. Each has a temperature of its own: an option has one default in all losses.
LossEntry temperature_entry(const char* name, const char* summary, const std::string& option, const char* value,
                            LossOutput (*f)(const PairBatch&, double)) {
  const auto make = [=](const OptionReader& read, const LossSetup&) {
    constexpr double kSmallestTemperature = 1e-3;
    const double t = read.number(option, kSmallestTemperature);
    return loss_of_pairs(read.loss(), [=](const PairBatch& batch) { return f(batch, t); });
  };
  return {name, LossKind::Metric, summary, {{option, value}}, make};
}

}  // namespace

LossEntry nt_xent_entry() {
  return temperature_entry("nt-xent", "each positive against all negatives of its anchor, by a softmax",
                           "nt-temperature", "0.07", nt_xent);
}

LossEntry supcon_entry() {
  return temperature_entry("supcon", "all positives of an anchor against all others, by a softmax",
                           "supcon-temperature", "0.1", supcon);
}

LossEntry n_pair_entry() {
  return {"n-pair",
          LossKind::Metric,
          "the anchor of each class finds its positive among those of all classes; made for embeddings without unit "
          "length",
          {{"n-pair-l2", "0"}},
          [](const OptionReader& read, const LossSetup&) {
            const double l2 = read.number("n-pair-l2", 0);
            // It looks for the pairs on the host.
            return loss_of_labels(
                read.loss(), [l2](const Variable& f, const Tensor& labels) { return n_pair(f, labels, l2); }, false);
          }};
}

}  // namespace fledge
