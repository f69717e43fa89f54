// Losses between pictures and one learnt proxy per class. f: N,D  proxies: classes,D (rows of both are normalised
// inside)  labels: N int64 in 0..classes-1. s = cos(f_i, p_c), d^2 = 2 - 2 s the squared distance at unit length.
// numbers: accuracy (own proxy nearest), mean_positive, mean_negative (of the batch's pairs, not the proxies).
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

/// Proxy-NCA: mean_i -log( e^{-scale d^2(f_i, p_y)} / sum_{z} e^{-scale d^2(f_i, p_z)} ), y the class of i.
/// exclude_own leaves p_y out of the sum over z: the paper's form (Movshovitz-Attias et al. 2017,
/// section 3), whose value may be negative. With it kept in, as in later code (pytorch-metric-learning),
/// it is the softmax of cosines times 2 scale.
/// Errors (Usage): shapes, labels, scale <= 0.
LossOutput proxy_nca(const Variable& f, const Variable& proxies, const Tensor& labels, double scale,
                     bool exclude_own = false);

/// Proxy-Anchor (Kim et al. 2020, eq. 4): each proxy against the whole batch, hard pictures weighted most,
///   1/|P+| sum_{p in P+} log(1 + sum_{i of p} e^{-alpha (s - margin)})
///   + 1/|P| sum_p log(1 + sum_{i not of p} e^{alpha (s + margin)});
/// P: all proxies, P+: those with a picture of their class in the batch.
/// Errors (Usage): shapes, labels, alpha <= 0.
LossOutput proxy_anchor(const Variable& f, const Variable& proxies, const Tensor& labels, double alpha, double margin);

}  // namespace fledge
