// Mean squared error to a constant, as one node: through the composition the gradient of the mean arrives at a map as a
// broadcast number, and spreading it cost 30 ms where the convolution before it costs 1 (32 x 256 x 16 x 16, float32,
// one thread). Private to nn/losses/.
#pragma once
#include "autograd/variable.h"

namespace fledge {

/// mean (x - target)^2 over all elements. Same dims and dtype. Saves the difference.
Variable squared_error(const Variable& x, const Tensor& target);

}  // namespace fledge
