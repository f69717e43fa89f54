// What the CPU does with whole numbers.
#pragma once

namespace fledge {

/// Whether Precision::Int16 and Int8 multiply whole numbers at all: not with FLEDGE_CPU_KERNELS=ref.
bool cpu_multiplies_int16();
/// Whether Precision::Int8 multiplies bytes: AVX-512 VNNI, and no FLEDGE_CPU_ISA or FLEDGE_CPU_KERNELS against it.
/// Elsewhere it is Precision::Int16.
bool cpu_multiplies_int8();

}  // namespace fledge
