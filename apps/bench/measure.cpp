#include "apps/bench/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "kernels/api/backend.h"
#include "kernels/api/reproducibility.h"
#include "tensor/lanes.h"
#include "tensor/stream.h"

namespace fledge::bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kWindowMs = 50;  // of the device's time between two looks at it
constexpr std::size_t kFewestWindows = 3;

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

double time_on_host(Workload& workload) {
  const auto start = Clock::now();
  workload.run();
  return ms_since(start);
}

/// Mean of `steps` steps by two events.
double time_on_device(Workload& workload, Device device, std::int64_t steps) {
  Event begin(device), end(device);
  begin.record();
  for (std::int64_t i = 0; i < steps; ++i) workload.run();
  end.record();
  end.synchronize();
  return end.since(begin) / static_cast<double>(steps);
}

/// Records, and begins to count memory: what a recording allocates is all in use while it is made.
bool begin_recording(Workload& workload, Device device, bool record) {
  const DeviceRuntime& runtime = *backend_for(device).runtime;
  synchronize(device);
  runtime.release_cached_memory();  // or the plain steps' activations would lie beside the recording's
  runtime.reset_peak_memory();
  const bool recorded = record && workload.record();
  for (int i = 0; i < 2; ++i) workload.run();
  synchronize(device);
  return recorded;
}

}  // namespace

void add_memory(Timing& t, const Compute& compute) {
  if (compute.on_device()) {
    const DeviceMemory memory = backend_for(compute.device).runtime->memory();
    t.peak_mib = static_cast<double>(memory.peak_in_use) / kMiB;
    t.reserved_mib = static_cast<double>(memory.reserved) / kMiB;
    return;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  t.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
}

Timing measure(Workload& workload, const Compute& compute, double seconds, bool record) {
  Timing t;
  for (int i = 0; i < 2; ++i) workload.run();  // plans, packed weights, moments, memory
  std::int64_t steps = 1;                      // a window
  if (compute.on_device()) {
    t.recorded = begin_recording(workload, compute.device, record);
    const double one = time_on_device(workload, compute.device, 1);
    if (one > 0) steps = std::clamp<std::int64_t>(std::llround(std::ceil(kWindowMs / one)), 1, 1000);
  }
  std::vector<double> windows;
  const double cpu = process_cpu_ms();
  const auto begin = Clock::now();
  while (windows.size() < kFewestWindows || ms_since(begin) < 1e3 * seconds)
    windows.push_back(compute.on_device() ? time_on_device(workload, compute.device, steps) : time_on_host(workload));
  const double cpu_used = process_cpu_ms() - cpu;
  std::sort(windows.begin(), windows.end());
  t.median_ms = windows[windows.size() / 2];
  t.minimum_ms = windows[0];
  t.steps = static_cast<std::int64_t>(windows.size()) * steps;
  t.cpu_ms = cpu_used / static_cast<double>(t.steps);
  add_memory(t, compute);
  return t;
}

Timing measure_once(Workload& workload, const Compute& compute) {
  Timing t;
  const double cpu = process_cpu_ms();
  t.median_ms = t.minimum_ms = time_on_host(workload);
  t.cpu_ms = process_cpu_ms() - cpu;
  t.steps = 1;
  add_memory(t, compute);
  return t;
}

double process_cpu_ms() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return 1e3 * static_cast<double>(used.tv_sec) + 1e-6 * static_cast<double>(used.tv_nsec);
}

StrictTiming measure_strict(Workload& workload, double seconds) {
  const auto timed = [&](bool strict) {
    set_thread_invariant(strict);
    return time_on_host(workload);
  };
  for (int i = 0; i < 4; ++i) timed(i % 2);  // plans and memory of both
  std::vector<double> repeat, strict;
  const auto begin = Clock::now();
  while (repeat.size() < kFewestWindows || ms_since(begin) < 1e3 * seconds) {
    const bool first = repeat.size() % 2;  // who follows whom changes
    for (const bool which : {first, !first}) (which ? strict : repeat).push_back(timed(which));
  }
  set_thread_invariant(false);
  const auto median = [](std::vector<double> ms) {
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
  };
  return {median(repeat), median(strict), static_cast<std::int64_t>(repeat.size())};
}

namespace {

/// Work that keeps a device busy for a while: meanwhile the host gets a whole step ahead, so that no event waits for a
/// launch. Copies of the driver are no kernels of the tables.
class Ballast {
 public:
  explicit Ballast(Device device)
      : device_(device),
        from_(Tensor::empty({kBytes}, DType::UInt8, Layout::Contiguous, device)),
        to_(Tensor::empty({kBytes}, DType::UInt8, Layout::Contiguous, device)) {
    one_ms_ = std::max(1e-3, enqueue(4) / 4);
  }
  void keep_busy(double ms) const {
    const int copies = static_cast<int>(std::ceil(ms / one_ms_));
    for (int i = 0; i < std::min(copies, kMostCopies); ++i) copy_async(to_, from_);
  }

 private:
  static constexpr std::int64_t kBytes = 64 << 20;
  static constexpr int kMostCopies = 512;  // a stream takes about a thousand launches ahead

  double enqueue(int copies) const {
    Event begin(device_), end(device_);
    copy_async(to_, from_);
    begin.record();
    for (int i = 0; i < copies; ++i) copy_async(to_, from_);
    end.record();
    end.synchronize();
    return end.since(begin);
  }

  Device device_;
  Tensor from_, to_;
  double one_ms_ = 1;
};

}  // namespace

KernelProfile profile_workload(Workload& workload, const Compute& compute, double seconds, const Peaks& peaks) {
  KernelProfile profile;
  profile.peaks = peaks;
  const Device device = compute.device;
  double host_ms = 0;
  for (int i = 0; i < 3; ++i) {
    host_ms = time_on_host(workload);
    synchronize(device);
  }
  const auto emulated = [&] { return backend_for(device).runtime->properties(0).emulated; };
  std::unique_ptr<Ballast> ballast;
  if (compute.on_device() && !emulated()) ballast = std::make_unique<Ballast>(device);
  const NoLanes each_on_all_threads;  // times of kernels beside one another do not add up to a step's
  take_kernel_profile();
  const auto begin = Clock::now();
  int steps = 0;
  while (steps < 2 || ms_since(begin) < 1e3 * seconds) {
    if (ballast) ballast->keep_busy(1.5 * host_ms);
    profile.step_ms += compute.on_device() ? time_on_device(workload, device, 1) : time_on_host(workload);
    ++steps;
  }
  profile.step_ms /= steps;
  profile.kernels = take_kernel_profile();
  for (KernelUse& use : profile.kernels) {
    use.calls /= steps;
    for (double* sum : {&use.ms, &use.bytes, &use.flops}) *sum /= steps;
  }
  return profile;
}

double roofline_share(const KernelUse& use, const Peaks& peaks) {
  const bool bf16 = use.descriptor.find(":bf16") != std::string::npos && peaks.bf16_flops > 0;
  const double flops = bf16 ? peaks.bf16_flops : peaks.flops;
  const double by_arithmetic = flops > 0 ? use.flops / flops : 0,
               by_traffic = peaks.bytes > 0 ? use.bytes / peaks.bytes : 0;
  return use.ms > 0 ? 1e3 * std::max(by_arithmetic, by_traffic) / use.ms : 0;
}

}  // namespace fledge::bench
