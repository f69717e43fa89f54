// Relational knowledge distillation (Park et al. 2019, "Relational Knowledge Distillation"): distances and angles among
// the pictures of a batch. f: student N,D  g: teacher N,D' (no gradient); D and D' may differ. Values are those of the
// authors' code, whose means include the diagonal. Errors (Usage): fewer than two pictures, unlike N.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

/// (1/n^2) sum_ij H( D^S_ij / mu_S - D^T_ij / mu_T ), H Huber with delta 1, D Euclidean, mu the mean of D off the
/// diagonal (section 3.2.1). The gradient flows through mu_S. Does not change when f is scaled. This is (n-1)/n times
/// the mean over pairs, RelativeForm::RkdHuber. numbers: distance_error, the mean over pairs of |D^S/mu_S - D^T/mu_T|.
LossOutput rkd_distance(const Variable& f, const Tensor& g);

/// (1/n^3) sum_ijk H( cos^S_ijk - cos^T_ijk ), cos_ijk the cosine of the angle at picture i between j and k (section
/// 3.2.2). A picture nearer to the anchor than 1e-6 has no direction: cosine 0, gradient 0. Does not change when f is
/// scaled or shifted. One node: time n^3 + n^2 D, memory n^2 + n D and a block of anchors. In the dtype of f: on a
/// device a side of length d makes cosines wrong by the rounding unit over d.
/// numbers: angle_error, the mean over ijk of |cos^S - cos^T|.
LossOutput rkd_angle(const Variable& f, const Tensor& g);

}  // namespace fledge
