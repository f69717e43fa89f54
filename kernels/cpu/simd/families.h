// The pieces of one instruction set's SimdTable, one function per file of this folder.
#pragma once
#include "kernels/cpu/simd/table.h"

namespace fledge::cpu::FLEDGE_ISA {

void fill_depthwise_forward(SimdTable&);
void fill_depthwise_grad(SimdTable&);
void fill_norm(SimdTable&);
void fill_norm_bf16(SimdTable&);
void fill_pool(SimdTable&);
void fill_eltwise(SimdTable&);
void fill_image(SimdTable&);
void fill_reduce(SimdTable&);
void fill_rows(SimdTable&);
void fill_distance(SimdTable&);
void fill_scan(SimdTable&);
void fill_optim(SimdTable&);
void fill_product(SimdTable&);
void fill_product_fused(SimdTable&);
void fill_quantized(SimdTable&);
void fill_winograd(SimdTable&);

}  // namespace fledge::cpu::FLEDGE_ISA
