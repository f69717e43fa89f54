// What the CPU does with bfloat16.
#pragma once

namespace fledge {

/// Whether convolutions in bfloat16 are multiplied as such: AVX-512 BF16 or AMX, by the vendor library's own answer,
/// and no FLEDGE_CPU_ISA or FLEDGE_CPU_KERNELS against it. Elsewhere bfloat16 is what is stored, and float32 what is
/// computed.
bool cpu_multiplies_bf16();

}  // namespace fledge
