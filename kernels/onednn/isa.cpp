#include "kernels/onednn/isa.h"

#include <algorithm>
#include <cctype>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "base/environment.h"
#include "kernels/onednn/state.h"

namespace fledge::onednn {
namespace {

struct Name {
  dnnl_cpu_isa_t isa;
  const char* name;  // as ONEDNN_MAX_CPU_ISA has it, in small letters
};
constexpr Name kNames[] = {{dnnl_cpu_isa_sse41, "sse41"},
                           {dnnl_cpu_isa_avx, "avx"},
                           {dnnl_cpu_isa_avx2, "avx2"},
                           {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
                           {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
                           {dnnl_cpu_isa_avx512_core, "avx512_core"},
                           {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
                           {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
                           {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
                           {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
                           {dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"}};

/// What the vendor's own variable allows; everything where it is not set or holds no name.
dnnl_cpu_isa_t allowed_by_vendor() {
  for (const char* variable : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    std::string text = environment(variable);
    if (text.empty()) continue;
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const Name& n : kNames)
      if (text == n.name) return n.isa;
    break;
  }
  return dnnl_cpu_isa_default;
}

}  // namespace

void cap_isa() {
  if (environment("FLEDGE_CPU_ISA").empty()) return;
  const std::string isa = cpu_isa();
  const dnnl_cpu_isa_t cap = isa == "sse4"   ? dnnl_cpu_isa_sse41
                             : isa == "avx2" ? dnnl_cpu_isa_avx2
                                             : dnnl_cpu_isa_avx512_core;
  // Each value holds the bits of the sets below it: what two have in common is the greatest set below both.
  const dnnl_cpu_isa_t allowed = allowed_by_vendor();
  const int common = allowed == dnnl_cpu_isa_default ? cap : allowed & cap;
  // Refused by a library built without dispatching, and once it has looked at the machine: library() shows it.
  (void)dnnl::set_max_cpu_isa(static_cast<dnnl::cpu_isa>(common));
}

CpuLibrary library() {
  (void)engine();  // has the cap set
  const dnnl_version_t* v = dnnl_version();
  const std::string version =
      std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  for (const Name& n : kNames)
    if (n.isa == isa) return {"oneDNN", version, n.name};
  return {"oneDNN", version, "unknown (" + std::to_string(static_cast<int>(isa)) + ")"};
}

bool multiplies_bf16() {
  static const bool answer = [] {
    (void)engine();  // has the cap set
    // Each value holds the bits of the sets below it.
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
  }();
  return answer;
}

}  // namespace fledge::onednn
