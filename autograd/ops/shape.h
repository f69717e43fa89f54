// Differentiable views (tensor/tensor.h).
#pragma once
#include "autograd/variable.h"

namespace fledge {

Variable reshape(const Variable& x, const Dims& dims);
Variable transpose(const Variable& x, int a, int b);
Variable slice(const Variable& x, int axis, std::int64_t start, std::int64_t length);
Variable expand(const Variable& x, const Dims& dims);

}  // namespace fledge
