// Triplet losses, D = pairwise_distance(f, f) (Euclidean, not squared, of the embeddings as they are).
#pragma once
#include "kernels/api/distance.h"
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

enum class TripletMargin { Hinge, Soft };  // Hinge: max(0, z + margin); Soft: softplus(z) without margin
/// Which triplets take part, by how much farther the negative is (Schroff et al. 2015; the names of
/// pytorch-metric-learning). Hard: D_an - D_ap <= 0; Semihard: in (0, margin]; Easy: above margin. The three
/// share out All.
enum class TripletMiner { All, Easy, Semihard, Hard };
struct TripletOptions {
  double margin = 0.2;
  TripletMargin form = TripletMargin::Hinge;
  TripletMiner miner = TripletMiner::All;
};
/// Which gaps D_an - D_ap the miner lets through, for the kernel of triplet_all.
TripletParams triplet_params(const TripletOptions& options);

/// Batch-hard (Hermans et al. 2017, eq. 5): mean_i h( max_{P(i)} D_ij - min_{N(i)} D_ij ). Yu et al. 2019 use hinge
/// with margin 0 ("paper" preset). Anchors without a positive or negative are left out. numbers: active, mean_positive,
/// mean_negative (of the hardest).
LossOutput triplet_batch_hard(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form);
/// Every triplet that the miner lets through, mean over the active ones (those with loss > 0; Hermans et al. 2017,
/// "batch all != 0"): sum h(D_ap - D_an) / count(h > 0), 0 when none is active. Soft: mean over all let through.
/// numbers: active (those let through and with a loss, of all triplets; Soft: with D_ap > D_an), mean_positive,
/// mean_negative (of all pairs).
LossOutput triplet_all(const PairBatch& batch, const TripletOptions& options);
LossOutput triplet_all(const Variable& embedding, const Tensor& labels, double margin, TripletMargin form);
/// One negative for each anchor and positive (Schroff et al. 2015; the rule of Park et al. 2019's code): the
/// nearest of those farther than the positive, or, when there is none, the farthest. Mean of h(D_ap - D_an)
/// over the active ones (Park et al.: over all), Soft: over all. numbers: active (of these triplets),
/// mean_positive, mean_negative (of all pairs).
LossOutput triplet_semihard(const PairBatch& batch, double margin, TripletMargin form);

}  // namespace fledge
