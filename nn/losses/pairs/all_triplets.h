// Every triplet of a batch from its distance matrix, as one node: the composition
// would hold n^3 values. Private to nn/losses/.
#pragma once
#include "nn/losses/logged_number.h"
#include "nn/losses/pairs/triplet.h"

namespace fledge {

struct TripletSum {
  Variable value;         // scalar
  LoggedNumber triplets;  // (a, p, n) with p a positive and n a negative of a
  LoggedNumber mined;     // of these, let through by the miner
  LoggedNumber active;    // of these with D_ap - D_an + margin > 0 (Soft: D_ap > D_an)
};

/// d: n,m float32 or float64, distances of the batch's pairs. z = D_ap - D_an.
/// Hinge: h(z) = max(0, z + margin), sum h / active. Soft: h(z) = softplus(z), sum h / mined. 0 when there is none.
/// The count is a constant for the gradient.
/// Time n * m * positives of an anchor; memory n * m. Saves the gradient matrix. Errors (Usage): dtype.
TripletSum all_triplets(const Variable& d, const PairBatch& batch, const TripletOptions& options);

}  // namespace fledge
