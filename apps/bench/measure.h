// What one process measures of one case.
#pragma once
#include <vector>

#include "apps/bench/workload.h"
#include "kernels/profile/profile.h"

namespace fledge::bench {

struct Timing {
  double median_ms = 0, minimum_ms = 0;   // a step; on a device means over windows of some steps
  double cpu_ms = 0;                      // of all threads of the process, a step; device: the host's
  std::int64_t steps = 0;                 // timed
  double peak_mib = 0, reserved_mib = 0;  // device: by tensors, from the driver. CPU: resident memory, 0
  bool recorded = false;
};
/// For `seconds` and at least three steps, after two to warm up.
Timing measure(Workload& workload, const Compute& compute, double seconds, bool record);
/// One run, the first.
Timing measure_once(Workload& workload, const Compute& compute);
/// Sets peak_mib and reserved_mib.
void add_memory(Timing& t, const Compute& compute);
/// Milliseconds that the threads of this process have computed so far.
double process_cpu_ms();

/// The CPU's two ways to the same bits (--deterministic), with the same threads.
struct StrictTiming {
  double repeat_ms = 0, strict_ms = 0;  // medians
  std::int64_t pairs = 0;
  double slowdown() const { return repeat_ms > 0 ? strict_ms / repeat_ms - 1 : 0; }
};
/// Steps of both in turns, so that a drifting machine harms both alike.
StrictTiming measure_strict(Workload& workload, double seconds);

/// What the machine can do at most, measured; per second.
struct Peaks {
  double flops = 0;       // of float32 products as the precision has them
  double bf16_flops = 0;  // 0 where nothing computes in it
  double bytes = 0;       // read and written by a large copy
};
Peaks measure_peaks(const Compute& compute);

struct KernelProfile {
  double step_ms = 0;
  std::vector<KernelUse> kernels;  // of one step
  Peaks peaks;
};
/// Runs plainly, not recorded. profile_kernels() must have been called.
KernelProfile profile_workload(Workload& workload, const Compute& compute, double seconds, const Peaks& peaks);

/// The share of its roofline that a kernel reaches: the shortest time its arithmetic and traffic allow, over its own.
double roofline_share(const KernelUse& use, const Peaks& peaks);

}  // namespace fledge::bench
