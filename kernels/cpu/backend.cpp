// Assembles the CPU's kernel tables and its Backend.
#include "kernels/cpu/backend.h"

#include <cstring>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/cpu/allocator.h"
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

/// The three float32 tables, and the one of float64.
struct Tables {
  KernelTable ref, simd, onednn, f64;

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

/// Null for a name that does not exist.
const KernelTable* find_table(const char* name) {
  const Tables& t = tables();
  if (std::strcmp(name, "ref") == 0) return &t.ref;
  if (std::strcmp(name, "simd") == 0) return &t.simd;
  if (std::strcmp(name, "onednn") == 0) return &t.onednn;
  return nullptr;
}

const KernelTable& default_table() {
  const std::string name = environment("FLEDGE_CPU_KERNELS");
  if (name.empty()) return tables().onednn;
  const KernelTable* t = find_table(name.c_str());
  if (!t)
    throw Error(ErrorKind::Usage, "cpu", "FLEDGE_CPU_KERNELS=" + name + " is not a set of kernels",
                "use ref, simd or onednn, or unset it");
  return *t;
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
  b.f32 = default_table();
  b.f64 = tables().f64;
  return b;
}

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend = make_backend();
  return backend;
}

}  // namespace fledge::cpu

namespace fledge {

const KernelTable& cpu_table(const std::string& name, DType dtype) {
  const KernelTable* t = cpu::find_table(name.c_str());
  if (!t)
    throw Error(ErrorKind::Usage, "cpu_table", "there is no set of CPU kernels named '" + name + "'",
                "use ref, simd or onednn");
  return dtype == DType::Float64 ? cpu::tables().f64 : *t;
}

CpuLibrary cpu_library() { return onednn::library(); }

}  // namespace fledge
