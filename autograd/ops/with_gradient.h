// A scalar whose derivative was computed together with it.
#pragma once
#include "autograd/variable.h"

namespace fledge {

/// `value` (one element) as a function of x with d value / dx = scale * gradient: one node where the composition would
/// hold too much, as the cosines of all triples of a batch. gradient: x's dims and dtype, a constant; undefined where
/// x wants none. Backward is one product; saves the gradient.
Variable with_gradient(const Tensor& value, const Variable& x, const Tensor& gradient, double scale = 1);

}  // namespace fledge
