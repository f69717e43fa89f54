// The list of backends: the CPU's, and the GPU's where its module can be opened. A
// new backend is one folder and one line here.
#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/api/backend.h"
#include "kernels/api/gpu_module.h"
#include "kernels/cpu/backend.h"
#include "kernels/profile/profile.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

/// Where the module may be: where the environment says, else beside the program, else in the lib folder beside bin.
std::vector<std::string> module_paths() {
  if (const std::string given = environment("FLEDGE_CUDA_MODULE"); !given.empty()) return {given};
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  return {(program / kGpuModuleFile).string(), (program.parent_path() / "lib" / kGpuModuleFile).string()};
}

/// Asks the opened module for its backend.
void ask(void* library, GpuModule& module) {
  const auto entry = reinterpret_cast<GpuModuleEntry>(dlsym(library, kGpuModuleEntry));
  if (!entry) {
    module.missing = "'" + module.path + "' is no GPU module of fledge";
    module.hint = "build fledge where the CUDA toolkit is, or unset FLEDGE_CUDA_MODULE";
    return;
  }
  GpuModuleAnswer answer;
  entry(sizeof(Backend), &answer);
  module.backend = answer.backend;
  module.missing = answer.missing;
  module.hint = answer.hint;
}

GpuModule open_module() {
  GpuModule module;
  const std::vector<std::string> paths = module_paths();
  module.path = paths.front();
  for (const std::string& path : paths) {
    if (!fs::exists(path)) continue;
    module.path = path;
    // Never closed: tensors and contexts of the whole process hold its memory.
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      ask(library, module);
    } else {
      const char* reason = dlerror();
      module.missing = std::string("the GPU module cannot be loaded: ") + (reason ? reason : path);
      module.hint = "install the CUDA libraries it names (cuDNN 9, cuBLAS), or use --device cpu";
    }
    return module;
  }
  module.missing = "no GPU module: there is no '" + module.path + "'";
  module.hint = "build fledge where the CUDA toolkit is, name the module in FLEDGE_CUDA_MODULE, or use --device cpu";
  return module;
}

}  // namespace

bool gpu_driver_present() {
  return !environment("FLEDGE_CUDA_MODULE").empty() || fs::exists("/dev/nvidiactl") ||
         fs::exists("/dev/dxg");  // dxg: Linux inside Windows
}

const GpuModule& gpu_module() {
  static const GpuModule module = open_module();
  return module;
}

const Backend& backend_for(Device device) {
  if (device.type == Device::Type::CPU) {
    static const Backend& watched_cpu = watched(cpu::cpu_backend());
    return watched_cpu;
  }
  const GpuModule& gpu = gpu_module();
  if (gpu.backend) {
    static const Backend& watched_gpu = watched(*gpu.backend);
    return watched_gpu;
  }
  throw Error(ErrorKind::Resource, "", "device " + to_string(device) + " cannot be used: " + gpu.missing, gpu.hint);
}

std::vector<const Backend*> all_backends() {
  std::vector<const Backend*> all = {&backend_for(Device{})};
  if (gpu_module().backend) all.push_back(&backend_for({Device::Type::CUDA, 0}));
  return all;
}

}  // namespace fledge
