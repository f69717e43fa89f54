// Tensors that the tests by hand are written with.
#pragma once
#include <limits>

#include "tests/support/host_tensor.h"

namespace fledge::test {

inline HostTensor f64(const Dims& dims) { return HostTensor(dims, DType::Float64); }
inline constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace fledge::test
