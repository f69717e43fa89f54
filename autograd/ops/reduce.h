// Differentiable reductions and row-wise functions (tensor/ops/reduce.h).
#pragma once
#include <vector>

#include "autograd/variable.h"

namespace fledge {

Variable sum(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Variable mean(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Variable max(const Variable& x, const std::vector<int>& axes = {},
             bool keep_dims = false);  // gradient shared among ties
Variable min(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Variable softmax(const Variable& x);  // R,C over the last axis
Variable log_softmax(const Variable& x);
Variable log_sum_exp(const Variable& x);  // R,C -> R
/// x: R,C  mask: R,C uint8 -> R: the largest (smallest) masked element of each row; 0 for rows with an empty mask.
Variable masked_row_max(const Variable& x, const Tensor& mask);
Variable masked_row_min(const Variable& x, const Tensor& mask);

}  // namespace fledge
