#include "kernels/onednn/table.h"

#include "kernels/onednn/conv.h"
#include "kernels/onednn/gemm.h"

namespace fledge::onednn {

void overlay(KernelTable& f32) {
  f32.conv.forward = &conv2d_forward;
  f32.conv.grad_input = &conv2d_grad_input;
  f32.conv.grad_weight = &conv2d_grad_weight;
  f32.conv.forward_fused = &conv2d_forward_fused;
  f32.gemm.matmul = &matmul;
}

}  // namespace fledge::onednn
