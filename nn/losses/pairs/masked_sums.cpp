#include "nn/losses/pairs/masked_sums.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

Variable masked_log_sum_exp(const Variable& x, const Tensor& factor) {
  // Marked: x * 1 + 0, exactly. Others: so low that their exponential is 0, yet finite.
  return log_sum_exp(x * Variable(factor) + Variable(affine(factor, 1e30, -1e30)));
}

LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch) {
  const auto mean = [&](const Tensor& mask) { return mean_of_marked(distances, mask.to(distances.dtype())); };
  return {{"active", active}, {"mean_positive", mean(batch.positive)}, {"mean_negative", mean(batch.negative)}};
}

}  // namespace fledge
