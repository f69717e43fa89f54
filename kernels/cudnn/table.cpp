#include "kernels/cudnn/table.h"

#include "kernels/cudnn/conv.h"
#include "kernels/cudnn/gemm.h"

namespace fledge::cudnn {

void overlay(KernelTable& f32, KernelTable& bf16) {
  for (KernelTable* table : {&f32, &bf16}) {
    table->conv.forward = &conv2d_forward;
    table->conv.forward_fused = &conv2d_forward_fused;
    table->conv.grad_input = &conv2d_grad_input;
    table->conv.grad_weight = &conv2d_grad_weight;
  }
  f32.gemm.matmul = &matmul;
}

}  // namespace fledge::cudnn
