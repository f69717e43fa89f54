// Losses that find the positive among negatives by a softmax over similarities: N-pair, NT-Xent, SupCon.
#pragma once
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

// "active" of all three: share of their positive pairs with a negative that is as similar or more.

/// N-pair (Sohn 2016, eq. 7 and section 3.2.2): the first two pictures of each class with at least two, in the batch's
/// order, are its anchor a and positive p; mean over these C classes of log(1 + sum_{j != i} e^{a_i.p_j - a_i.p_i}),
/// plus l2 times the mean of |f|^2 over these 2C pictures. Dot products of the embeddings as they are. Fewer than two
/// such classes: nothing to tell apart, only the l2 term is left; none: 0. embedding: n,D  labels: n int64.
/// numbers: active, mean_positive, mean_negative (distances a_i to p_i, to p_j). Errors (Usage): shapes, dtype.
LossOutput n_pair(const Variable& embedding, const Tensor& labels, double l2 = 0);

/// NT-Xent of all positive pairs (Chen et al. 2020, eq. 1; with labels as in pytorch-metric-learning): mean over (i, p)
/// of -log( e^{s_ip / t} / (e^{s_ip / t} + sum_N e^{s_in / t}) ), s: cosines. 0 where there is no positive or no
/// negative. numbers: active, mean_positive, mean_negative (distances of all pairs, of the rows at unit length).
LossOutput nt_xent(const PairBatch& batch, double temperature = 0.07);

/// SupCon (Khosla et al. 2020, eq. 2, L_out): mean over the queries with a positive and a negative of
/// -1/|P| sum_P log( e^{s_ip / t} / sum_{P and N} e^{s_ik / t} ), s: cosines. numbers: as nt_xent.
LossOutput supcon(const PairBatch& batch, double temperature = 0.1);

}  // namespace fledge
