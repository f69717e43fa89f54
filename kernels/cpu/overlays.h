// The families of own kernels. Each overlay puts its functions into a float32 table that the reference filled before;
// problems a function does not cover (strides, shapes) go to the reference.
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::cpu {

/// The float32 reference table, filled before any overlay runs.
const KernelTable& reference();

/// The sets that FLEDGE_CPU_KERNELS names; each has what those before it have.
enum class KernelSet { Ref, Simd, OneDnn };

/// The list of kernels/cpu/conv, as far as it belongs to the set.
void overlay_conv(KernelTable&, KernelSet);
void overlay_norm(KernelTable&);
void overlay_pool(KernelTable&);
void overlay_eltwise(KernelTable&);
void overlay_copy(KernelTable&);
void overlay_reduce(KernelTable&);
void overlay_rows(KernelTable&);
void overlay_distance(KernelTable&);
void overlay_triplets(KernelTable& f32, KernelTable& f64);  // the training loss's own loop: in double as well
void overlay_scan(KernelTable&);
void overlay_quantized(KernelTable&);
void overlay_image(KernelTable&);
void overlay_gather(KernelTable&);
void overlay_optim(KernelTable&);

}  // namespace fledge::cpu
