// Every triplet of a batch from its distance matrix, as one node: the composition would hold n^3 values. Private to
// nn/losses/.
#pragma once
#include <cstdint>

#include "nn/losses/pairs/triplet.h"

namespace fledge {

struct AllTriplets {
  Variable value;             // scalar
  std::int64_t triplets = 0;  // (a, p, n) with p a positive and n a negative of a
  std::int64_t mined = 0;     // of these, let through by the miner
  std::int64_t active = 0;    // of these with D_ap - D_an + margin > 0 (Soft: D_ap > D_an)
};

/// d: n,m float32 or float64, distances of the batch's pairs. z = D_ap - D_an; h(z) = max(0, z + margin) or
/// softplus(z). Hinge: sum h / active; Soft: sum h / mined; 0 when there is none. The count is a constant for the
/// gradient.
/// Time n * m * positives of an anchor; memory n * m. Saves the gradient matrix. Errors (Usage): dtype.
AllTriplets all_triplets(const Variable& d, const PairBatch& batch, const TripletOptions& options);

}  // namespace fledge
