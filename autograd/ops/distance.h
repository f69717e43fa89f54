// Differentiable row normalisation and pairwise distances, one node each (kernels/api/distance.h).
#pragma once
#include "autograd/variable.h"
#include "kernels/api/distance.h"

namespace fledge {

Variable l2_normalize(const Variable& x, double eps = 1e-12);  // R,C
/// a: R,C  b: M,C -> R,M. pairwise_distance(x, x) is the self case: zero diagonal, both gradients in one.
Variable pairwise_distance(const Variable& a, const Variable& b, const PairwiseDistanceParams& params = {});

}  // namespace fledge
