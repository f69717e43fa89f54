// Absolute and relative teacher (Yu et al. 2019, "Learning Metrics from
// Teachers"). f: student, g: teacher embeddings, N,D.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

enum class AbsoluteForm { L2, Squared, Cosine };
/// L2: mean_i ||f_i - g_i||_2 (eq. 4; gradient 0 where equal). Squared: mean_i ||f_i - g_i||^2.
/// Cosine: mean_i (1 - cos(f_i, g_i)). eps_inside reproduces the released code: sqrt(sum_k (|f_ik - g_ik| + 1e-6)^2).
Variable absolute_teacher(const Variable& f, const Tensor& g, AbsoluteForm form, bool eps_inside = false);

enum class RelativeForm { Frobenius, MeanAbs, MeanSquared, RkdHuber };
/// D: pairwise Euclidean distances, diagonal masked.
/// Frobenius: ||D^S - D^T||_F as in the released code (0 gradient where equal).
/// MeanAbs, MeanSquared: over unordered pairs (eq. 5's per-pair reading).
/// RkdHuber: Huber(delta 1) of D/mean(D) (Park et al. 2019), mean over pairs.
Variable relative_teacher(const Variable& f, const Tensor& g, RelativeForm form);

}  // namespace fledge
