// The families of the CPU's mixed-precision tables: each puts its functions over the reference's.
#pragma once
#include "kernels/cpu/overlays.h"

namespace fledge::cpu::bf16 {

/// ref::ref_bf16_table(): what a function does not cover goes there.
const KernelTable& plain();

/// `Simd`: by way of the float32 table of that set. `OneDnn`: oneDNN's own bfloat16 where the processor has it.
void overlay_conv(KernelTable&, KernelSet);
void overlay_norm(KernelTable&);
void overlay_pool(KernelTable&);
void overlay_eltwise(KernelTable&);

}  // namespace fledge::cpu::bf16

namespace fledge::cpu {

/// The mixed-precision table of a set.
KernelTable bf16_table(KernelSet set);
/// The float32 table of a set (backend.cpp).
const KernelTable& float_table(KernelSet set);

}  // namespace fledge::cpu
