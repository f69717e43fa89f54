// The instruction set in use, and its table of SIMD functions.
#pragma once
#include "kernels/cpu/simd/table.h"

namespace fledge::cpu {

/// The functions of the instruction set in use: the machine's best, or the one FLEDGE_CPU_ISA names.
/// Throws Error(Usage) when that is not a name, or not one this machine can run. Chosen once per process.
const SimdTable& simd();

}  // namespace fledge::cpu
