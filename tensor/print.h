// Short text form of a tensor for logs, examples and failing tests.
#pragma once
#include <string>

#include "tensor/tensor.h"

namespace fledge {

/// "tensor 2x3 float32 [[1, 2, 3], [4, 5, 6]]"; long axes are shortened with "...". Four significant digits.
std::string to_string(const Tensor& t, int max_per_axis = 6);

}  // namespace fledge
