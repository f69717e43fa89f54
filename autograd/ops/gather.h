// Differentiable indexed reads (tensor/ops/gather.h).
#pragma once
#include <vector>

#include "autograd/variable.h"

namespace fledge {

Variable take_along_row(const Variable& x, const Tensor& index);  // x: R,C  index: R -> R
Variable index_select(const Variable& x, const Tensor& index);    // x: R,C  index: M -> M,C
Variable concat(const std::vector<Variable>& parts, int axis);

}  // namespace fledge
