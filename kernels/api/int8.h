// What the CPU does with 8-bit whole numbers.
#pragma once

namespace fledge {

/// Whether Precision::Int8 multiplies bytes: AVX-512 VNNI, and no FLEDGE_CPU_ISA or FLEDGE_CPU_KERNELS against it.
/// Elsewhere it is Precision::Int16.
bool cpu_multiplies_int8();

}  // namespace fledge
