// Differentiable pooling (kernels/api/pool.h). Max pooling saves int32 indices.
#pragma once
#include "autograd/variable.h"
#include "kernels/api/pool.h"

namespace fledge {

Variable max_pool2d(const Variable& x, const Pool2dParams& params);
/// N,C,H,W -> N,C; float32 for bfloat16
Variable global_avg_pool(const Variable& x);

}  // namespace fledge
