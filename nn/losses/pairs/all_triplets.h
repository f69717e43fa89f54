// Every triplet of a batch from its distance matrix, as one node: the composition would hold n^3 values. Private to
// nn/losses/.
#pragma once
#include <cstdint>

#include "nn/losses/pairs/triplet.h"

namespace fledge {

struct AllTriplets {
  Variable value;             // scalar
  std::int64_t triplets = 0;  // (a, p, n) with y_p = y_a, p != a, y_n != y_a
  std::int64_t active = 0;    // of these with D_ap - D_an + margin > 0 (Soft: D_ap > D_an)
};

/// d: n,n float32 or float64  labels: n int64.  h(z) = max(0, z + margin) or softplus(z), z = D_ap - D_an.
/// Hinge: sum h / active; Soft: sum h / triplets; 0 when there is none. The count is a constant for the gradient.
/// Time n^2 * images per class; memory n^2. Saves the gradient matrix. Errors (Usage): dtype.
AllTriplets all_triplets(const Variable& d, const Tensor& labels, double margin, TripletMargin form);

}  // namespace fledge
