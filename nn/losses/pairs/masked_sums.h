// Sums over the marked elements of a matrix, for the losses of pairs. Private to nn/losses/.
#pragma once
#include "nn/losses/counts.h"
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

/// log sum of e^x over the marked elements of each row. x: R,C  factor: R,C of x's dtype, 1 where marked, else 0 -> R.
/// A row without any gives a number near -1e30: softplus of it is log(1 + 0), and its gradient times 0 is 0, where
/// -infinity would give NaN.
Variable masked_log_sum_exp(const Variable& x, const Tensor& factor);

/// active, mean_positive, mean_negative: means of the distances (n,m) over the batch's
/// pairs of either kind, 0 where there is none.
LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch);

}  // namespace fledge
