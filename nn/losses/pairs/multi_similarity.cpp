#include "nn/losses/pairs/multi_similarity.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

struct Kept {
  Tensor positive, negative;  // n,m: 1 for a pair that is kept, else 0
};

Tensor column(const Tensor& rows) { return rows.reshape({rows.dim(0), 1}); }

/// What the miner lets through. Rows without positives or without negatives keep nothing.
Kept mine(const Tensor& s, const PairBatch& batch, double epsilon) {
  const Tensor positive = batch.positive.to(s.dtype()), negative = batch.negative.to(s.dtype());
  const Tensor complete = not_none(mul(sum(positive, {1}, true), sum(negative, {1}, true)));
  const Tensor nearest_negative = column(masked_row_extreme(s, batch.negative, true).value),
               farthest_positive = column(masked_row_extreme(s, batch.positive, false).value);
  const Tensor near = above_zero(sub(nearest_negative, affine(s, 1, -epsilon))),
               far = above_zero(sub(affine(s, 1, epsilon), farthest_positive));
  return {mul(mul(positive, near), complete), mul(mul(negative, far), complete)};
}

Tensor share_of_rows(const Kept& kept) {
  const Tensor pairs = sum(add(kept.positive, kept.negative), {1});
  return total_of(not_none(pairs), static_cast<double>(pairs.dim(0)));
}

}  // namespace

LossOutput multi_similarity(const PairBatch& batch, const MultiSimilarityOptions& options) {
  const double a = options.alpha, b = options.beta, lambda = options.lambda;
  const Variable s = pair_cosines(batch);
  const DType dtype = s.value().dtype();
  const Kept kept = options.miner ? mine(s.value(), batch, options.epsilon)
                                  : Kept{batch.positive.to(dtype), batch.negative.to(dtype)};
  // softplus(log sum) = log(1 + sum), without overflow.
  const Variable positive = softplus(masked_log_sum_exp(affine(s, -a, a * lambda), kept.positive)),
                 negative = softplus(masked_log_sum_exp(affine(s, b, -b * lambda), kept.negative));
  return {mean((1 / a) * positive + (1 / b) * negative),
          pair_numbers(share_of_rows(kept), distances_of_cosines(s.value()), batch)};
}

LossEntry multi_similarity_entry() {
  return {"multi-similarity", LossKind::Metric, "soft sums over the pairs that its miner keeps (ms-miner: on|off)",
          multi_similarity_options(), [](const OptionReader& read, const LossSetup&) {
            return loss_of_pairs(read.loss(), [o = read_multi_similarity(read)](const PairBatch& batch) {
              return multi_similarity(batch, o);
            });
          }};
}

}  // namespace fledge
