// DarkRank (Chen et al. 2018, "DarkRank: Accelerating Deep Metric Learning via Cross Sample Similarities Transfer"):
// the order of a picture's neighbours, learnt from the teacher.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

enum class RankForm { Hard, Soft };

struct RankOptions {
  RankForm form = RankForm::Hard;
  double alpha = 3, beta = 3;  // score S_ij = -alpha D_ij^beta, D Euclidean
  int length = 4;              // L: of each list; n - 1 in smaller batches
};
constexpr int kLongestSoftList = 5;  // 120 orders

/// f: student N,D  g: teacher N,D' (no gradient). Each picture's list is its L nearest others for the teacher, nearest
/// first, ties by number. With pi an order of the list, P(pi) = prod_m e^{S_pi(m)} / sum_{k >= m} e^{S_pi(k)}.
/// Hard: -mean_i log P^S(teacher's order); sums run over the list only, as in the code of Park et al. 2019.
/// Soft: mean_i KL(P^T || P^S) over all L! orders. numbers: rank_agreement, the share of the lists' pairs that the
/// student has in the teacher's order (1 when lists have one member).
/// Errors (Usage): fewer than two pictures, unlike N; length below 1, soft with length above 5.
LossOutput darkrank(const Variable& f, const Tensor& g, const RankOptions& options);

}  // namespace fledge
