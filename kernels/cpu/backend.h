// The CPU backend: memory from the caching allocator, tables by overlay (reference <- own SIMD <- oneDNN).
#pragma once
#include "kernels/api/backend.h"

namespace fledge::cpu {

/// The one CPU backend, made at the first call. FLEDGE_CPU_KERNELS picks its float32 table (ref, simd, onednn).
/// Throws Error(Usage) when an environment variable holds a value that does not exist or that this machine cannot run.
const Backend& cpu_backend();

}  // namespace fledge::cpu
