// Margin loss with distance-weighted sampling (Wu et al. 2017, "Sampling Matters in Deep Embedding Learning"):
// positives nearer than beta - margin, negatives farther than beta + margin, where beta is learnt.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

class Generator;

/// How often each ordered pair of a batch counts. N,N float64, row: the anchor. Anchors without a positive or without a
/// negative in the batch count nowhere.
struct PairCounts {
  Tensor positive, negative;
};
/// Every (anchor, positive, negative) gives both of its pairs one count: [a, p] as often as a has negatives, [a, n] as
/// often as it has positives.
PairCounts every_triplet_pairs(const Tensor& labels);
/// Each (anchor, positive) counts once and draws one negative of the anchor, with replacement, with probability
/// proportional to 1 / q(D_an), q(D) = D^{k-2} (1 - D^2/4)^{(k-3)/2}: q is the density of distances between random
/// points of the unit sphere in k dimensions (section 4), so that all distances are met alike. D below 0.5 counts as
/// 0.5 (nearer ones would be noise); D of 1.4 or more is not drawn. When all of an anchor's negatives are that far, its
/// positives count and no negative does: up to beta + margin = 1.4 that is what drawing any of them would give
/// (pytorch-metric-learning drops the positives too). In logarithms, against the anchor's own largest weight: any k is
/// safe, and an anchor far from everything has negatives like any other.
/// distances: N,N of unit rows. One number is drawn for each (anchor, positive) that has a choice, in order of rows.
/// Errors (Usage): shapes.
PairCounts distance_weighted_pairs(const Tensor& distances, const Tensor& labels, std::int64_t k, Generator& generator);

/// sum ( P_ap [D_ap - b_a + margin]+ + N_an [b_a - D_an + margin]+ ) / (number of counted terms above 0), 0 when there
/// is none; P, N: counts (section 4; the division is the authors' code). The divisor is a constant for the gradient.
/// distances: N,N  beta: 1, or classes (b_a is that of the anchor's class; labels in 0..classes-1)
/// numbers: active (share of counted terms above 0), mean_positive, mean_negative (of all pairs of the batch), beta
/// (mean). Errors (Usage): shapes, labels, margin < 0.
LossOutput margin_loss(const Variable& distances, const Variable& beta, const Tensor& labels, double margin,
                       const PairCounts& counts);

}  // namespace fledge
