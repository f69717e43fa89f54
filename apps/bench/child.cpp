// One process, one case: its memory is its own, and when it runs out of it nothing else ends.
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "base/error.h"
#include "base/processor.h"
#include "kernels/api/backend.h"
#include "tensor/context.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

Json machine_facts(const BenchOptions& o, const Compute& compute) {
  Json j = {{"on_device", compute.on_device()}, {"processor", processor_name()}, {"threads", num_threads()}};
  if (!compute.on_device()) return j;
  const DeviceProperties p = backend_for(compute.device).runtime->properties(0);
  j["device"] = describe(compute, o.machine);
  j["emulated"] = p.emulated;
  for (const auto& [library, version] : p.libraries) j[library] = version;
  return j;
}

Json time_case(const BenchOptions& o, const Compute& compute) {
  const auto workload = make_workload(parse_case(o.cases.at(0)), o.size, compute);
  const Timing t = measure(*workload, compute, o.seconds, o.step_graph == StepGraph::Auto);
  return {{"median_ms", t.median_ms}, {"minimum_ms", t.minimum_ms},     {"steps", t.steps},
          {"peak_mib", t.peak_mib},   {"reserved_mib", t.reserved_mib}, {"recorded", t.recorded}};
}

Json compare_strict(const BenchOptions& o, const Compute& compute) {
  const auto workload = make_workload(parse_case(o.cases.at(0)), o.size, compute);
  const StrictTiming t = measure_strict(*workload, o.seconds);
  return {{"repeat_ms", t.repeat_ms}, {"strict_ms", t.strict_ms}, {"slowdown", t.slowdown()}, {"pairs", t.pairs}};
}

Json profile_case(const BenchOptions& o, const Compute& compute) {
  const Peaks peaks = measure_peaks(compute);  // first, and freed: the case may need all of the memory
  const auto workload = make_workload(parse_case(o.cases.at(0)), o.size, compute, Streams::One);
  const KernelProfile profile = profile_workload(*workload, compute, o.seconds, peaks);
  Json j = {{"step_ms", profile.step_ms},
            {"peak_flops", peaks.flops},
            {"peak_bf16_flops", peaks.bf16_flops},
            {"peak_bytes_per_second", peaks.bytes},
            {"kernels", Json::array()}};
  for (const KernelUse& use : profile.kernels)
    j["kernels"].push_back({{"op", use.op},
                            {"descriptor", use.descriptor},
                            {"calls", use.calls},
                            {"ms", use.ms},
                            {"flops", use.flops},
                            {"bytes", use.bytes},
                            {"roofline", roofline_share(use, peaks)}});
  return j;
}

}  // namespace

int run_child(const BenchOptions& o) {
  if (o.child == "kernels") profile_kernels();
  const Compute compute = apply(o.machine);
  Json answer;
  int code = 0;
  try {
    answer = o.child == "machine"   ? machine_facts(o, compute)
             : o.child == "kernels" ? profile_case(o, compute)
             : o.child == "strict"  ? compare_strict(o, compute)
                                    : time_case(o, compute);
  } catch (const Error& e) {
    answer = {{"error", e.problem()}};
    code = static_cast<int>(e.kind());
  } catch (const std::bad_alloc&) {
    answer = {{"error", "out of memory"}};
    code = static_cast<int>(ErrorKind::Resource);
  }
  std::printf("%s\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  return code;
}

}  // namespace fledge::bench
