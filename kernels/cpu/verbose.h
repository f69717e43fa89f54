// FLEDGE_VERBOSE=1: one line on stderr per convolution and matrix product. Costs nothing when off: the lines are
// written by wrappers that are only put into the tables when it is on.
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::cpu {

enum class VerboseTable { Ref, Simd, OneDnn };

/// Whether FLEDGE_VERBOSE is set to something other than "0".
bool verbose();
/// Wraps the conv and gemm entries of a finished table.
void overlay_verbose(KernelTable&, VerboseTable);

}  // namespace fledge::cpu
