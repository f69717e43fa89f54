#include "train/compute.h"

#include <charconv>
#include <cstdio>

#include "base/error.h"
#include "kernels/api/backend.h"
#include "kernels/api/bf16.h"
#include "kernels/api/int8.h"
#include "kernels/api/reproducibility.h"
#include "tensor/context.h"
#include "train/spec/words.h"

namespace fledge {
namespace {

Device parse_device(const std::string& text) {
  if (text == "cpu") return {};
  if (text == "auto") {
    if (!gpu_driver_present()) return {};
    // An emulated GPU is for checking kernels, so nobody gets it who has not asked.
    const Backend* gpu = gpu_module().backend;
    return gpu && !gpu->runtime->properties(0).emulated ? Device{Device::Type::GPU, 0} : Device{};
  }
  const std::string name = gpu_name();
  Device device{Device::Type::GPU, 0};
  if (text == name) return device;
  const char* end = text.data() + text.size();
  if (text.rfind(name + ":", 0) == 0) {
    const auto [rest, error] = std::from_chars(text.data() + name.size() + 1, end, device.index);
    if (error == std::errc() && rest == end && device.index >= 0) return device;
  }
  throw Error(ErrorKind::Usage, "", "--device: '" + text + "' is none of auto, cpu, " + name + "[:N]");
}

}  // namespace

Compute compute_of(const MachineSpec& o) {
  Compute c;
  c.device = parse_device(o.device);
  if (o.deterministic == Determinism::Strict && o.autotune != Autotune::Off)
    throw Error(ErrorKind::Usage, "",
                "--deterministic strict, but --autotune " + word(o.autotune) + " lets the clock choose",
                "use --autotune off");
  if (o.precision == RunPrecision::BF16) c.activations = DType::BFloat16;
  if (o.precision == RunPrecision::Int16) c.products = Precision::Int16;
  if (o.precision == RunPrecision::Int8) c.products = Precision::Int8;
  if (!c.on_device()) {
    if (o.precision == RunPrecision::TF32)
      throw Error(ErrorKind::Usage, "", "--precision tf32 needs a GPU; the CPU has f32, bf16, int16 and int8",
                  std::string("use --precision f32, or --device ") + gpu_name());
    return c;
  }
  if (c.products != Precision::Strict)
    throw Error(ErrorKind::Usage, "", "--precision " + word(o.precision) + " is the CPU's; a GPU has tf32 and bf16",
                "use --precision tf32, or --device cpu");
  if (o.precision == RunPrecision::TF32 || o.precision == RunPrecision::BF16) c.products = Precision::TF32;
  const Backend& gpu = backend_for(c.device);  // says what is missing
  gpu.runtime->require(c.device.index, c.activations);
  c.device.index = 0;  // one process, one GPU: inside, it is the only one
  return c;
}

Compute apply(const MachineSpec& o) {
  set_num_threads(o.threads);
  const Compute c = compute_of(o);
  set_thread_invariant(o.deterministic == Determinism::Strict);
  set_autotune(o.autotune);
  if (!c.on_device()) {
    set_precision(c.products);
    if (const std::string note = precision_note(c); !note.empty() && !o.quiet)
      std::fprintf(stderr, "note: %s\n", note.c_str());
    return c;
  }
  backend_for(c.device).runtime->use_device(parse_device(o.device).index);
  set_precision(c.products);
  return c;
}

std::string precision_note(const Compute& c) {
  if (c.products == Precision::Int16 || c.products == Precision::Int8) {
    if (!cpu_multiplies_int16())
      return "int16, int8: FLEDGE_CPU_KERNELS=ref multiplies floats, and the results are those of f32";
    if (c.products == Precision::Int8 && !cpu_multiplies_int8())
      return "int8: this processor does not multiply bytes (AVX-512 VNNI; or FLEDGE_CPU_ISA forbids it). The numbers "
             "have 16 bits instead: as fast here, and closer to f32";
  }
  if (c.on_device() || c.activations != DType::BFloat16 || cpu_multiplies_bf16()) return "";
  return "--precision bf16: this processor does not multiply bfloat16 (or FLEDGE_CPU_ISA forbids it). Numbers are "
         "stored "
         "in 16 bits and computed with in float32: less memory to train in, but no gain in inference, and more "
         "rounding. --precision f32 is without all that";
}

RunPrecision computed(RunPrecision asked) {
  return asked == RunPrecision::Int8 && !cpu_multiplies_int8() ? RunPrecision::Int16 : asked;
}

std::optional<Precision> products_of(TeacherPrecision teacher, const Compute& c) {
  if (teacher == TeacherPrecision::Same) return std::nullopt;
  const std::string flag = "--teacher-precision " + word(teacher);
  if (c.on_device()) throw Error(ErrorKind::Usage, "", flag + " is the CPU's; a GPU has tf32 and bf16", "leave it out");
  if (c.activations != DType::Float32)
    throw Error(ErrorKind::Usage, "", flag + " with --precision bf16: whole numbers are made of f32",
                "leave one of them out");
  return teacher == TeacherPrecision::Int16 ? Precision::Int16 : Precision::Int8;
}

std::string describe(const Compute& c, const MachineSpec& o) {
  if (!c.on_device()) return "";
  const Device asked = parse_device(o.device);
  return backend_for(c.device).runtime->properties(asked.index).name + ", " + word(o.precision);
}

}  // namespace fledge
