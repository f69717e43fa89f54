// Each family's entries, set into the table of one dtype. T is float or __nv_bfloat16; a family that has no bf16 form
// leaves the bf16 table's entries null (kernels/cuda/README.md lists them).
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::cuda {

// The bf16 table: activations and their gradients are bf16; batch statistics, gamma, beta and their gradients,
// convolution biases, weight gradients, and the pooled features (N,C) are float32. Arithmetic is float32 throughout.
void overlay_norm(KernelTable& f32, KernelTable& bf16);
void overlay_pool(KernelTable& f32, KernelTable& bf16);
void overlay_depthwise(KernelTable& f32, KernelTable& bf16);  // wraps conv entries: call it after kernels/cudnn's
void overlay_eltwise(KernelTable& f32, KernelTable& bf16);    // unary, unary_backward, binary
void overlay_copy(KernelTable& f32, KernelTable& bf16);       // copy, fill
void overlay_image(KernelTable& f32, KernelTable& bf16);
void overlay_reduce(KernelTable& f32);
void overlay_rows(KernelTable& f32);
void overlay_gather(KernelTable& f32);
void overlay_distance(KernelTable& f32);
void overlay_optim(KernelTable& f32);

}  // namespace fledge::cuda
