// Puts this folder's kernels into a table; entries it does not compute are left as they are.
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::onednn {

/// conv.forward, grad_input, grad_weight, forward_fused and gemm.matmul, for float32.
void overlay(KernelTable& f32);

}  // namespace fledge::onednn
