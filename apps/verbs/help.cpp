#include "apps/verbs/verbs.h"

namespace fledge {

std::string help_footer(const std::string& examples) {
  return "Examples:\n" + examples +
         "\nEnvironment: FLEDGE_CPU_ISA=sse4|avx2|avx512 caps the instruction set, FLEDGE_CPU_KERNELS=ref|simd|onednn "
         "picks the kernels,\n"
         "  FLEDGE_VERBOSE=1 prints kernels and copies, FLEDGE_PRESETS names the folder of presets.\n"
         "Exit codes: 0 done, 1 unexpected, 2 usage or config, 3 bad input file, 4 no resource (disk, memory, device), "
         "5 numerical guard,\n"
         "  130/143 stopped by SIGINT/SIGTERM after a good checkpoint.\n";
}

}  // namespace fledge
