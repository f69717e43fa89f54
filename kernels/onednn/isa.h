// The library: its version, and the instruction set it may use.
#pragma once
#include "kernels/api/backend.h"

namespace fledge::onednn {

/// Where FLEDGE_CPU_ISA is set, oneDNN uses no more than it names; a lower ONEDNN_MAX_CPU_ISA stays. To be called
/// before oneDNN has looked at the machine, which engine() sees to. Throws Error(Usage) as cpu_isa() does.
void cap_isa();

CpuLibrary library();

/// Whether oneDNN may use instructions that multiply bfloat16 (AVX-512 BF16 or AMX), by its own answer.
bool multiplies_bf16();

}  // namespace fledge::onednn
