// Which kernels a program calls and what each costs: wrappers around every entry of a backend's tables. They are only
// put there when somebody asked, so that it costs nothing else.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/backend.h"

namespace fledge {

/// All calls of one kernel with one problem.
struct KernelUse {
  std::string op, descriptor;
  std::int64_t calls = 0;
  double ms = 0, bytes = 0, flops = 0;  // of all calls together (kernels/profile/kernel_call.h)
};

/// From now on backend_for() gives tables that take the time of each call: by events on a device, by the wall clock on
/// the CPU. Work that is being recorded is not timed. Errors (Internal): a backend was given out before.
void profile_kernels();
/// What was called since the last time, the most expensive first. The host waits for the device.
std::vector<KernelUse> take_kernel_profile();

/// The backend as backend_for() gives it out: itself, or watched when profile_kernels() was called or FLEDGE_VERBOSE is
/// set: then each call is a line on stderr, "fledge_verbose,OP,IMPLEMENTATION,DESCRIPTOR,MS", and behind it, where an
/// implementation was chosen, why those that are preferred to it refused.
const Backend& watched(const Backend& backend);

/// For tests: the table of the CPU's float32 kernels with every entry that is there wrapped.
KernelTable profiled_table(const KernelTable& table);

}  // namespace fledge
