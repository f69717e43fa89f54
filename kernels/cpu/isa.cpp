// Detects the instruction set and picks the table of SIMD functions.
#include "kernels/cpu/isa.h"

#include <string>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/api/backend.h"

namespace fledge::cpu {

// Each from kernels/cpu/simd/table.cpp, compiled for its instruction set.
namespace sse4 {
void fill_table(SimdTable&);
}
namespace avx2 {
void fill_table(SimdTable&);
}
namespace avx512 {
void fill_table(SimdTable&);
}

namespace {

struct Isa {
  const char* name;
  void (*fill)(SimdTable&);
};
constexpr Isa kIsas[] = {{"sse4", &sse4::fill_table}, {"avx2", &avx2::fill_table}, {"avx512", &avx512::fill_table}};
constexpr int kIsaCount = 3;

#if defined(__clang__) && __clang_major__ < 18  // which does not know the word; what has AVX2 and FMA has it
bool has_f16c() { return true; }
#else
bool has_f16c() { return __builtin_cpu_supports("f16c"); }
#endif

/// Index of the best set this machine runs, -1 for none. Covers every flag kernels/CMakeLists.txt compiles with; the
/// compiler's check includes that the operating system saves the wide registers.
int best_isa() {
  __builtin_cpu_init();
  const bool sse4 = __builtin_cpu_supports("sse4.2");
  const bool avx2 = sse4 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return avx512 ? 2 : avx2 ? 1 : sse4 ? 0 : -1;
}

int chosen_isa() {
  const int best = best_isa();
  if (best < 0)
    throw Error(ErrorKind::Resource, "cpu", "this processor has no SSE4.2, which fledge needs",
                "use a 64-bit x86 from 2009 or later");
  const std::string wanted = environment("FLEDGE_CPU_ISA");
  if (wanted.empty()) return best;
  for (int i = 0; i < kIsaCount; ++i) {
    if (wanted != kIsas[i].name) continue;
    if (i > best)
      throw Error(ErrorKind::Usage, "cpu",
                  "FLEDGE_CPU_ISA=" + wanted + " is more than this machine can run (" + kIsas[best].name + ")",
                  std::string("unset it or use FLEDGE_CPU_ISA=") + kIsas[best].name);
    return i;
  }
  throw Error(ErrorKind::Usage, "cpu", "FLEDGE_CPU_ISA=" + wanted + " is not an instruction set",
              "use sse4, avx2 or avx512, or unset it");
}

SimdTable make_table() {
  SimdTable t{};
  kIsas[chosen_isa()].fill(t);
  return t;
}

}  // namespace

const SimdTable& simd() {
  static const SimdTable table = make_table();
  return table;
}

}  // namespace fledge::cpu

namespace fledge {

const char* cpu_isa() { return cpu::simd().isa; }

const char* cpu_isa_supported() {
  const int best = cpu::best_isa();
  return best < 0 ? "none" : cpu::kIsas[best].name;
}

}  // namespace fledge
