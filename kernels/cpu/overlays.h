// The families of own kernels. Each overlay puts its functions into a float32 table that the reference filled before;
// problems a function does not cover (strides, shapes) go to the reference.
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::cpu {

/// The float32 reference table, filled before any overlay runs.
const KernelTable& reference();

/// Convolutions that are not depthwise go to oneDNN, or to the reference where `with_onednn` is false.
void overlay_conv(KernelTable&, bool with_onednn);
void overlay_norm(KernelTable&);
void overlay_pool(KernelTable&);
void overlay_eltwise(KernelTable&);
void overlay_copy(KernelTable&);
void overlay_reduce(KernelTable&);
void overlay_rows(KernelTable&);
void overlay_distance(KernelTable&);
void overlay_triplets(KernelTable& f32, KernelTable& f64);  // the training loss's own loop: in double as well
void overlay_gather(KernelTable&);
void overlay_optim(KernelTable&);

}  // namespace fledge::cpu
