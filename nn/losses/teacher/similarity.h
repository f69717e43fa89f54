// Losses that carry the teacher's soft neighbourhoods over to the student: who is how similar to whom in a batch.
// f: student N,D  g: teacher N,D' (no gradient); D and D' may differ.
// Errors (Usage): fewer than two pictures, unlike N.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

/// Probabilistic knowledge transfer (Passalis and Tefas 2018, "Learning Deep Representations with Probabilistic
/// Knowledge Transfer"): K_ij = (1 + cos_ij) / 2, p_ij = K_ij / sum_j K_ij, mean over ij of
/// p^T log((p^T + eps) / (p^S + eps)), eps 1e-7. As in the authors' code rows are divided by |x| + eps, and with
/// `diagonal` the pictures themselves are among their neighbours and the mean is over n^2; else both are left out and
/// it is over n(n-1). numbers: similarity_error, the mean over pairs of |cos^S - cos^T|.
LossOutput pkt(const Variable& f, const Tensor& g, bool diagonal);

/// Relaxed contrastive loss (Kim et al. 2021, "Embedding Transfer with Label Relaxation for Improved Metric Learning"):
/// (1/n) sum_{i != j} [ w_ij d_ij^2 + (1 - w_ij) max(0, delta - d_ij)^2 ], w_ij = exp(-D^T_ij^2 / sigma),
/// d_ij = D^S_ij / (mean of row i of D^S, its zero among the n). Teacher rows are made unit length, the student's are
/// not. The gradient flows through the row means. Does not change when f is scaled.
/// numbers: distance_error, the mean over pairs of |d^S - d^T|, both over their row means.
LossOutput relaxed_contrastive(const Variable& f, const Tensor& g, double sigma, double delta);

}  // namespace fledge
