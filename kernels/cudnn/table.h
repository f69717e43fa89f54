// cuDNN's and cuBLAS's share of the GPU tables: convolutions that are not depthwise, and matrix products.
// No vendor type here: kernels/cuda assembles the tables with this, and tests/cuda has a stand-in for it.
#pragma once
#include <string>

#include "kernels/api/kernel_table.h"

namespace fledge::cudnn {

/// Sets conv.forward, forward_fused, grad_input, grad_weight and gemm.matmul (float32 only).
void overlay(KernelTable& f32, KernelTable& bf16);

/// "9.19.0"; throws Error(Resource) where the library is missing or does not fit the driver.
std::string cudnn_version();
std::string cublas_version();

}  // namespace fledge::cudnn
