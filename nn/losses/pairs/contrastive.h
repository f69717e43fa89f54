// Contrastive loss: same-class pictures together, others at least a margin apart.
#pragma once
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

enum class ContrastiveForm { Hadsell, Pml };
struct ContrastiveOptions {
  ContrastiveForm form = ContrastiveForm::Pml;
  double positive_margin = 0;  // u: positive pairs nearer than this have no loss
  double negative_margin = 1;  // m: negative pairs farther than this have none
};

/// D: Euclidean distances of the embeddings as they are.
/// Hadsell (Hadsell et al. 2006, eq. 4, without its factor 1/2): mean over all pairs of [D - u]+^2 for positive and
/// [m - D]+^2 for negative ones. Pml (the form of pytorch-metric-learning): mean of [D - u]+ over the
/// positive pairs where it is not 0, plus mean of [m - D]+ over the negative pairs where it is not 0; the
/// counts are constants for the gradient. 0 where there is no such pair. numbers: active (share of all pairs
/// with a loss), mean_positive, mean_negative.
LossOutput contrastive(const PairBatch& batch, const ContrastiveOptions& options = {});

}  // namespace fledge
