#include "nn/losses/pairs/multi_similarity.h"

#include <algorithm>
#include <limits>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/masked_sums.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

struct Kept {
  Tensor positive, negative;  // n,m uint8
};

/// A row whose positives or negatives are none keeps nothing: its bound is infinite on the side where nothing passes.
void mine_row(const double* s, const std::uint8_t* positive, const std::uint8_t* negative, std::int64_t m,
              double epsilon, std::uint8_t* keep_positive, std::uint8_t* keep_negative) {
  double nearest_negative = -std::numeric_limits<double>::infinity(), farthest_positive = -nearest_negative;
  for (std::int64_t j = 0; j < m; ++j) {
    if (positive[j]) farthest_positive = std::min(farthest_positive, s[j]);
    if (negative[j]) nearest_negative = std::max(nearest_negative, s[j]);
  }
  for (std::int64_t j = 0; j < m; ++j) {
    keep_positive[j] = positive[j] && s[j] - epsilon < nearest_negative;
    keep_negative[j] = negative[j] && s[j] + epsilon > farthest_positive;
  }
}

Tensor column(const Tensor& rows) { return rows.reshape({rows.dim(0), 1}); }

Kept mine_on_device(const Tensor& s, const PairBatch& batch, double epsilon) {
  const Tensor positive = factors(batch.positive, s.dtype()), negative = factors(batch.negative, s.dtype());
  const Tensor complete = not_none(mul(sum(positive, {1}, true), sum(negative, {1}, true)));
  const Tensor nearest_negative = column(masked_row_extreme(s, batch.negative, true).value),
               farthest_positive = column(masked_row_extreme(s, batch.positive, false).value);
  const Tensor near = above_zero(sub(nearest_negative, affine(s, 1, -epsilon))),
               far = above_zero(sub(affine(s, 1, epsilon), farthest_positive));
  return {mul(mul(positive, near), complete).to(DType::UInt8), mul(mul(negative, far), complete).to(DType::UInt8)};
}

Kept mine(const Tensor& cosines, const PairBatch& batch, double epsilon) {
  if (!on_host(cosines)) return mine_on_device(cosines, batch, epsilon);
  const std::vector<double> s = cosines.to_vector<double>();
  const std::int64_t n = cosines.dim(0), m = cosines.dim(1);
  Kept kept{zeros({n, m}, DType::UInt8), zeros({n, m}, DType::UInt8)};
  for (std::int64_t i = 0; i < n; ++i)
    mine_row(s.data() + i * m, batch.positive.data<std::uint8_t>() + i * m, batch.negative.data<std::uint8_t>() + i * m,
             m, epsilon, kept.positive.data<std::uint8_t>() + i * m, kept.negative.data<std::uint8_t>() + i * m);
  return kept;
}

LoggedNumber share_of_rows(const Kept& kept) {
  const std::int64_t n = kept.positive.dim(0), m = kept.positive.dim(1);
  if (!on_host(kept.positive)) {
    const Tensor both = add(factors(kept.positive, DType::Float32), factors(kept.negative, DType::Float32));
    return total_of(not_none(sum(both, {1})), static_cast<double>(n));
  }
  const std::uint8_t *p = kept.positive.data<std::uint8_t>(), *q = kept.negative.data<std::uint8_t>();
  double rows = 0;
  for (std::int64_t i = 0; i < n; ++i, p += m, q += m) rows += std::count(p, p + m, 1) + std::count(q, q + m, 1) > 0;
  return ratio(rows, static_cast<double>(n));
}

}  // namespace

LossOutput multi_similarity(const PairBatch& batch, const MultiSimilarityOptions& options) {
  const double a = options.alpha, b = options.beta, lambda = options.lambda;
  const Variable s = pair_cosines(batch);
  const Kept kept = options.miner ? mine(s.value(), batch, options.epsilon) : Kept{batch.positive, batch.negative};
  // softplus(log sum) = log(1 + sum), without overflow.
  const Variable positive = softplus(masked_log_sum_exp(affine(s, -a, a * lambda), kept.positive)),
                 negative = softplus(masked_log_sum_exp(affine(s, b, -b * lambda), kept.negative));
  return {mean((1 / a) * positive + (1 / b) * negative),
          pair_numbers(share_of_rows(kept), distances_of_cosines(s.value()), batch)};
}

}  // namespace fledge
