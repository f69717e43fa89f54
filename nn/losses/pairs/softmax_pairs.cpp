#include "nn/losses/pairs/softmax_pairs.h"

#include <algorithm>
#include <limits>
#include <map>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/gemm.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/losses/entries.h"
#include "nn/losses/pairs/masked_sums.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

/// 1 for rows with a marked element: n,1.
Tensor rows_with(const Tensor& mask) { return not_none(sum(factors(mask, DType::Float32), {1}, true)); }

/// Share of the positive pairs of a row whose row has a negative as similar or more.
LoggedNumber share_overtaken(const Tensor& similarities, const PairBatch& batch) {
  if (!on_host(similarities)) {
    const Tensor nearest = masked_row_extreme(similarities, batch.negative, true).value;
    const Tensor reached = not_below_zero(sub(nearest.reshape({nearest.dim(0), 1}), similarities));
    const Tensor overtaken = mul(mul(reached, rows_with(batch.negative)), factors(batch.positive, DType::Float32));
    return ratio(total_of(overtaken), count_of(batch.positive));
  }
  const std::vector<double> s = similarities.to_vector<double>();
  const std::int64_t n = similarities.dim(0), m = similarities.dim(1);
  const std::uint8_t *p = batch.positive.data<std::uint8_t>(), *q = batch.negative.data<std::uint8_t>();
  double pairs = 0, overtaken = 0;
  for (std::int64_t first = 0; first < n * m; first += m) {
    double nearest = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = first; k < first + m; ++k)
      if (q[k]) nearest = std::max(nearest, s[k]);
    for (std::int64_t k = first; k < first + m; ++k) {
      pairs += p[k];
      overtaken += p[k] && s[k] <= nearest;
    }
  }
  return ratio(overtaken, pairs);
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

/// Positive pairs over the number of positives of their row; rows without a negative have
/// none. And the number of rows that have any.
struct RowShares {
  Tensor shares;
  LoggedNumber rows;
};

RowShares row_shares_on_device(const PairBatch& batch) {
  const Tensor positive = factors(batch.positive, DType::Float32), counts = sum(positive, {1}, true);
  const Tensor complete = mul(not_none(counts), rows_with(batch.negative));
  const Tensor shares = div(positive, clamp(counts, 1, std::numeric_limits<double>::infinity()));
  return {mul(shares, complete), total_of(complete)};
}

RowShares row_shares(const PairBatch& batch) {
  if (!on_host(batch.positive)) return row_shares_on_device(batch);
  const std::int64_t n = batch.positive.dim(0), m = batch.positive.dim(1);
  const Tensor shares = zeros({n, m}, DType::Float64);
  const std::uint8_t *p = batch.positive.data<std::uint8_t>(), *q = batch.negative.data<std::uint8_t>();
  double* w = shares.data<double>();
  for (std::int64_t i = 0; i < n; ++i, p += m, q += m, w += m) {
    const auto positives = static_cast<double>(std::count(p, p + m, 1));
    if (std::count(q, q + m, 1) == 0) continue;
    for (std::int64_t j = 0; j < m; ++j) w[j] = ratio(p[j], positives);
  }
  double queries = 0;
  for (double share : shares.to_vector<double>()) queries += share;
  return {shares, queries};
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

  PairBatch drawn{anchor, positive, zeros({classes, classes}, DType::UInt8), ones({classes, classes}, DType::UInt8)};
  for (std::int64_t i = 0; i < classes; ++i) {
    drawn.positive.data<std::uint8_t>()[i * classes + i] = 1;
    drawn.negative.data<std::uint8_t>()[i * classes + i] = 0;
  }
  return {penalty - target, pair_numbers(share_overtaken(products.value(), drawn),
                                         pairwise_distance(anchor.value(), positive.value()), drawn)};
}

LossOutput nt_xent(const PairBatch& batch, double temperature) {
  const Variable cosines = pair_cosines(batch), s = (1 / temperature) * cosines;
  const Variable negatives = reshape(masked_log_sum_exp(s, batch.negative), {s.dim(0), 1});
  // -log(e^s / (e^s + N)) = softplus(log N - s); a row without negatives has log N near -1e30 and adds 0.
  const Variable h = softplus(negatives - s) * factor_of(batch.positive, s.value().dtype());
  return {over(sum(h), count_of(batch.positive)), cosine_numbers(cosines.value(), batch)};
}

LossOutput supcon(const PairBatch& batch, double temperature) {
  const Variable cosines = pair_cosines(batch), s = (1 / temperature) * cosines;
  const DType dtype = s.value().dtype();
  const Variable both = factor_of(batch.positive, dtype) + factor_of(batch.negative, dtype);
  const Variable all = reshape(masked_log_sum_exp(s, both.value().to(DType::UInt8)), {s.dim(0), 1});
  const RowShares weights = row_shares(batch);
  return {over(sum((all - s) * Variable(weights.shares.to(dtype))), weights.rows),
          cosine_numbers(cosines.value(), batch)};
}

}  // namespace fledge
