// Sums over the marked elements of a matrix, for the losses of pairs. Private to nn/losses/.
#pragma once
#include "nn/losses/counts.h"
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

/// The uint8 mask as a constant of 0 and 1, to be multiplied with.
Variable factor_of(const Tensor& mask, DType dtype);
/// log sum of e^x over the marked elements of each row. x: R,C  mask: R,C uint8 -> R. A row without any gives a number
/// near -1e30: softplus of it is log(1 + 0), and its gradient times 0 is 0, where -infinity would give NaN.
Variable masked_log_sum_exp(const Variable& x, const Tensor& mask);

/// active, mean_positive, mean_negative: means of the distances (n,m) over the batch's
/// pairs of either kind, 0 where there is none.
LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch);

}  // namespace fledge
