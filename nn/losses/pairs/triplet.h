// Triplet losses on unit embeddings, D = pairwise_distance(f, f) (Euclidean, not squared).
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

enum class TripletMargin { Hinge, Soft };  // Hinge: max(0, z + margin); Soft: softplus(z) without margin

/// Batch-hard (Hermans et al. 2017, eq. 5): mean_i h( max_{P(i)} D_ij - min_{N(i)} D_ij ). Yu et al. 2019 use hinge
/// with margin 0 ("paper" preset). Anchors without a positive or negative are left out. numbers: active, mean_positive,
/// mean_negative (of the hardest).
LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form);
/// Every triplet, mean over the active ones (those with loss > 0; Hermans et al. 2017, "batch all != 0"):
/// sum h(D_ap - D_an) / count(h > 0), 0 when none is active. Soft: mean over all. numbers: active (fraction),
/// mean_positive, mean_negative.
LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form);

}  // namespace fledge
