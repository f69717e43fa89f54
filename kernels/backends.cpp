// The list of backends: the CPU's, and those of GPUs, each a module that is opened where its GPU is asked for. A
// further GPU backend is one folder and one row here; a process uses one of them.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
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

struct ModuleRow {
  const char* name;                       // what --device calls it
  const char* file;                       // beside the program, or in the lib folder beside bin
  const char* variable;                   // of the environment: another place
  std::vector<const char*> driver_files;  // one of them is there where there is such a GPU
  const char *needs, *toolkit;            // for the way out: libraries to run it, what it takes to build it
};
const std::vector<ModuleRow>& modules() {
  static const std::vector<ModuleRow> rows = {
      {"cuda",
       "libfledge_cuda.so",
       "FLEDGE_CUDA_MODULE",
       {"/dev/nvidiactl", "/dev/dxg"},  // dxg: Linux inside Windows
       "the CUDA libraries it names (cuDNN 9, cuBLAS)",
       "the CUDA toolkit"},
  };
  return rows;
}

bool has_driver(const ModuleRow& row) {
  return !environment(row.variable).empty() || std::any_of(row.driver_files.begin(), row.driver_files.end(),
                                                           [](const char* file) { return fs::exists(file); });
}

/// The machine's: the first whose driver is there; the first where none is.
const ModuleRow& module_row() {
  static const ModuleRow& row = *[] {
    const auto found = std::find_if(modules().begin(), modules().end(), has_driver);
    return found == modules().end() ? modules().begin() : found;
  }();
  return row;
}

/// Where the module may be: where the environment says, else beside the program, else in the lib folder beside bin.
std::vector<std::string> module_paths(const ModuleRow& row) {
  if (const std::string given = environment(row.variable); !given.empty()) return {given};
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  return {(program / row.file).string(), (program.parent_path() / "lib" / row.file).string()};
}

/// Asks the opened module for its backend.
void ask(const ModuleRow& row, void* library, GpuModule& module) {
  const auto entry = reinterpret_cast<GpuModuleEntry>(dlsym(library, kGpuModuleEntry));
  if (!entry) {
    module.missing = "'" + module.path + "' is no GPU module of fledge";
    module.hint = std::string("build fledge where ") + row.toolkit + " is, or unset " + row.variable;
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
  const ModuleRow& row = module_row();
  const std::vector<std::string> paths = module_paths(row);
  module.path = paths.front();
  for (const std::string& path : paths) {
    if (!fs::exists(path)) continue;
    module.path = path;
    // Never closed: tensors and contexts of the whole process hold its memory.
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      ask(row, library, module);
    } else {
      const char* reason = dlerror();
      module.missing = std::string("the GPU module cannot be loaded: ") + (reason ? reason : path);
      module.hint = std::string("install ") + row.needs + ", or use --device cpu";
    }
    return module;
  }
  module.missing = "no GPU module: there is no '" + module.path + "'";
  module.hint = std::string("build fledge where ") + row.toolkit + " is, name the module in " + row.variable +
                ", or use --device cpu";
  return module;
}

}  // namespace

const char* gpu_name() { return module_row().name; }

bool gpu_driver_present() { return has_driver(module_row()); }

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
  if (gpu_module().backend) all.push_back(&backend_for({Device::Type::GPU, 0}));
  return all;
}

}  // namespace fledge
