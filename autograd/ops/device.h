// Differentiable copies from one device to another.
#pragma once
#include "autograd/variable.h"

namespace fledge {

/// The value on `device`; x itself where it is there. The gradient is copied back.
Variable to_device(const Variable& x, Device device);

}  // namespace fledge
