// The door of a GPU module: the one function it exports. kernels/backends.cpp lists the modules and opens one at run
// time.
#pragma once
#include "kernels/api/backend.h"

namespace fledge {

/// Filled by the module: a backend, or what is missing and what helps.
struct GpuModuleAnswer {
  const Backend* backend = nullptr;
  std::string missing, hint;
};
/// `backend_bytes`: sizeof(Backend) as the caller knows it; another number means the module is of another build.
using GpuModuleEntry = void (*)(std::size_t backend_bytes, GpuModuleAnswer* answer);
inline constexpr const char* kGpuModuleEntry = "fledge_gpu_module";

}  // namespace fledge
