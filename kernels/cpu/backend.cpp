// Assembles the CPU's kernel tables and its Backend.
#include "kernels/cpu/backend.h"

#include <cstring>
#include <optional>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/api/bf16.h"
#include "kernels/api/int8.h"
#include "kernels/cpu/allocator.h"
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/onednn/isa.h"
#include "kernels/onednn/table.h"
#include "kernels/ref/table.h"

namespace fledge::cpu {

const KernelTable& reference() {
  static const KernelTable table = ref::ref_table<float>();
  return table;
}

namespace {

/// The three tables of float32, those of mixed precision beside them, and the one of float64.
struct Tables {
  KernelTable ref, simd, onednn, f64;
  KernelTable ref_bf16 = bf16_table(KernelSet::Ref), simd_bf16 = bf16_table(KernelSet::Simd),
              onednn_bf16 = bf16_table(KernelSet::OneDnn);

  Tables() : ref(reference()), simd(ref), f64(ref::ref_table<double>()) {
    overlay_norm(simd);
    overlay_pool(simd);
    overlay_eltwise(simd);
    overlay_copy(simd);
    overlay_reduce(simd);
    overlay_rows(simd);
    overlay_distance(simd);
    overlay_triplets(simd, f64);
    overlay_scan(simd);
    overlay_quantized(simd);
    overlay_image(simd);
    overlay_gather(simd);
    overlay_optim(simd);
    onednn = simd;
    onednn::overlay(onednn);
    overlay_conv(ref, KernelSet::Ref);
    overlay_conv(simd, KernelSet::Simd);
    overlay_conv(onednn, KernelSet::OneDnn);
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

/// Nothing for a name that does not exist.
std::optional<KernelSet> find_set(const std::string& name) {
  if (name == "ref") return KernelSet::Ref;
  if (name == "simd") return KernelSet::Simd;
  if (name == "onednn") return KernelSet::OneDnn;
  return std::nullopt;
}

KernelSet default_set() {
  const std::string name = environment("FLEDGE_CPU_KERNELS");
  if (name.empty()) return KernelSet::OneDnn;
  const auto set = find_set(name);
  if (!set)
    throw Error(ErrorKind::Usage, "cpu", "FLEDGE_CPU_KERNELS=" + name + " is not a set of kernels",
                "use ref, simd or onednn, or unset it");
  return *set;
}

const KernelTable& mixed_table(KernelSet set) {
  const Tables& t = tables();
  return set == KernelSet::Ref ? t.ref_bf16 : set == KernelSet::Simd ? t.simd_bf16 : t.onednn_bf16;
}

void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memmove(to, from, bytes);
}

void synchronize() {}  // every kernel is done when it returns

Backend make_backend() {
  (void)cpu_isa();  // a wrong FLEDGE_CPU_ISA is said now, not inside the first kernel
  Backend b;
  b.name = "cpu";
  b.device = Device::Type::CPU;
  b.allocate = &allocate;
  b.deallocate = &deallocate;
  b.copy_bytes = &copy_bytes;
  b.synchronize = &synchronize;
  b.f32 = float_table(default_set());
  b.f64 = tables().f64;
  b.bf16 = mixed_table(default_set());
  return b;
}

}  // namespace

const KernelTable& float_table(KernelSet set) {
  const Tables& t = tables();
  return set == KernelSet::Ref ? t.ref : set == KernelSet::Simd ? t.simd : t.onednn;
}

const Backend& cpu_backend() {
  static const Backend backend = make_backend();
  return backend;
}

}  // namespace fledge::cpu

namespace fledge {

const KernelTable& cpu_table(const std::string& name, DType dtype) {
  const auto set = cpu::find_set(name);
  if (!set)
    throw Error(ErrorKind::Usage, "cpu_table", "there is no set of CPU kernels named '" + name + "'",
                "use ref, simd or onednn");
  return dtype == DType::Float64    ? cpu::tables().f64
         : dtype == DType::BFloat16 ? cpu::mixed_table(*set)
                                    : cpu::float_table(*set);
}

CpuLibrary cpu_library() { return onednn::library(); }

bool cpu_multiplies_int16() { return cpu::default_set() != cpu::KernelSet::Ref; }

bool cpu_multiplies_int8() { return cpu_multiplies_int16() && cpu::simd().quantized8_product; }

bool cpu_multiplies_bf16() { return cpu::default_set() == cpu::KernelSet::OneDnn && onednn::multiplies_bf16(); }

}  // namespace fledge
