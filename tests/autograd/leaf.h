// Leaves of small graphs, and what comes back to them.
#pragma once
#include <vector>

#include "autograd/variable.h"
#include "tensor/creation.h"

namespace fledge::test {

using Values = std::vector<double>;

inline Variable leaf(const Values& values, const Dims& dims) { return Variable(from_vector(values, dims), true); }
inline Variable leaf(const Values& values) { return leaf(values, {static_cast<std::int64_t>(values.size())}); }
inline Values grad_of(const Variable& x) { return x.grad().to_vector<double>(); }

}  // namespace fledge::test
