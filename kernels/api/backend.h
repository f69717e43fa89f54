// Backend: a device's memory functions and its kernel tables. Function pointers, no virtual methods: an overlay assigns
// fields.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "kernels/api/device_runtime.h"
#include "kernels/api/kernel_table.h"

namespace fledge {

struct Backend {
  const char* name = "";  // "cpu", or a GPU's: what --device calls it
  Device::Type device = Device::Type::CPU;
  void* (*allocate)(std::size_t bytes) = nullptr;  // 64-byte aligned; throws Error(Resource) naming the size
  void (*deallocate)(void* p, std::size_t bytes) = nullptr;
  /// From and to the device or the host, in the order of the current stream; done on return where the host is involved.
  void (*copy_bytes)(void* to, const void* from, std::size_t bytes) = nullptr;
  void (*synchronize)() = nullptr;
  const DeviceRuntime* runtime = nullptr;  // null where device memory is host memory
  KernelTable f32;  // tables by compute dtype; an all-null table means the dtype is not computed in
  KernelTable f64;
  KernelTable bf16;  // mixed precision: kernels/README.md says which arguments stay float32

  /// The dtypes a backend computes in are those it has a table of.
  bool computes(DType t) const { return is_floating(t) && table(t).eltwise.copy; }
  const KernelTable& table(DType t) const { return t == DType::Float64 ? f64 : t == DType::BFloat16 ? bf16 : f32; }
};

/// The backend of a device. Throws Error(Resource) saying what is missing when there is none.
const Backend& backend_for(Device device);
/// Every backend that exists on this machine, CPU first. Opens the GPU module if nobody has yet.
std::vector<const Backend*> all_backends();

/// What came of looking for the GPU module: beside the program, or where the environment says.
struct GpuModule {
  const Backend* backend = nullptr;  // null: there is no usable GPU here
  std::string path;                  // of the module that was opened, or the first that was tried
  std::string missing, hint;         // without backend: what is missing (module, driver, device), and what helps
};
const GpuModule& gpu_module();
/// Whether it is worth opening: a driver's device file is there, or a module was named. Costs microseconds, where
/// loading a vendor's libraries to learn that there is no GPU costs 200 MB and a tenth of a second.
bool gpu_driver_present();

/// CPU tables for tests and benches: "ref" (plain loops), "simd" (ref overlaid by own kernels), "onednn" (the full
/// overlay, the default; named by what comes on top). FLEDGE_CPU_KERNELS in the environment picks the default for a
/// run, FLEDGE_CPU_ISA caps the instruction set.
const KernelTable& cpu_table(const std::string& name, DType dtype);

/// The instruction sets: "sse4", "avx2", "avx512". cpu_isa() is the one in use, cpu_isa_supported() the machine's best.
const char* cpu_isa();
const char* cpu_isa_supported();
/// The vendor's library below the CPU's tables: "oneDNN", "3.2.0", and the most that it uses of this machine ("sse41",
/// "avx2", "avx512_core", ...; FLEDGE_CPU_ISA caps it too).
struct CpuLibrary {
  std::string name, version, isa;
};
CpuLibrary cpu_library();

}  // namespace fledge
