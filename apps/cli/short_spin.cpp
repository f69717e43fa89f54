#include "apps/cli/short_spin.h"

#include <unistd.h>

#include <cstdlib>

namespace fledge {

void spin_shortly(char** argv) {
  if (std::getenv(kSpinVariable) || std::getenv("OMP_WAIT_POLICY")) return;
  if (setenv(kSpinVariable, kSpinTurns, 1) != 0) return;
  execv("/proc/self/exe", argv);
  unsetenv(kSpinVariable);
}

}  // namespace fledge
