// Numbers made from a name, the same in C++ and in the Python scripts of tests/golden: weights that need not be stored.
#pragma once
#include <string>

#include "tensor/tensor.h"

namespace fledge::test {

/// Float64 in [-1, 1), a function of name and position only: `formula` of tests/golden/make_models.py.
Tensor formula(const std::string& name, const Dims& dims);

}  // namespace fledge::test
