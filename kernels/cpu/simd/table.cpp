// Assembles the table of one instruction set; called once, by kernels/cpu/isa.cpp.
#include "kernels/cpu/simd/families.h"

#define FLEDGE_STRING_(x) #x
#define FLEDGE_STRING(x) FLEDGE_STRING_(x)

namespace fledge::cpu::FLEDGE_ISA {

void fill_table(SimdTable& t) {
  t.isa = FLEDGE_STRING(FLEDGE_ISA);
  t.lanes = FLEDGE_VEC_BYTES / 4;
  fill_depthwise_forward(t);
  fill_depthwise_grad(t);
  fill_norm(t);
  fill_norm_bf16(t);
  fill_pool(t);
  fill_eltwise(t);
  fill_image(t);
  fill_reduce(t);
  fill_rows(t);
  fill_distance(t);
  fill_scan(t);
  fill_optim(t);
  fill_product(t);
  fill_product_fused(t);
  fill_quantized(t);
  fill_winograd(t);
}

}  // namespace fledge::cpu::FLEDGE_ISA
