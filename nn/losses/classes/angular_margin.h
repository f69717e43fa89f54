// Softmax of scaled cosines to class proxies, with a margin at the picture's own class. f: N,D  proxies: classes,D
// (rows of both are normalised inside)  labels: N int64 in 0..classes-1. With t_i = cos(f_i, w_{y_i}) both are
//   mean_i -log( e^{s m(t_i)} / (e^{s m(t_i)} + sum_{c != y_i} e^{s cos(f_i, w_c)}) )
// numbers: accuracy (of the cosines without margin), mean_positive, mean_negative.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

/// ArcFace (Deng et al. 2019, eq. 3): m(t) = cos(theta + margin) with theta = arccos t, while theta <= pi - margin, and
/// t - margin sin(margin) beyond, where cos(theta + margin) would rise again (the authors' code).
/// cos(theta + margin) is t cos(margin) - sqrt(1 - t^2) sin(margin): no arccos; at theta = 0 and pi, where the root has
/// no derivative, that term's is taken as 0.
/// sub_centres > 1 (Deng et al. 2020): proxies are classes * sub_centres,D, those of a class together, and the cosine
/// of a class is the largest of its sub-centres' (equal ones share the gradient).
/// Errors (Usage): shapes, labels, scale <= 0, margin outside [0, pi / 2].
LossOutput arcface(const Variable& f, const Variable& proxies, const Tensor& labels, double scale, double margin,
                   std::int64_t sub_centers = 1);

/// CosFace (Wang et al. 2018, eq. 4): m(t) = t - margin. Errors (Usage): shapes, labels, scale <= 0, margin < 0.
LossOutput cosface(const Variable& f, const Variable& proxies, const Tensor& labels, double scale, double margin);

}  // namespace fledge
