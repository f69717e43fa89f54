// One process, one case: its memory is its own, and when it runs out of it nothing else ends.
#include <chrono>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/bench/shared_case.h"
#include "base/error.h"
#include "base/processor.h"
#include "io/npy.h"
#include "kernels/api/backend.h"
#include "tensor/context.h"
#include "train/evaluation/evaluate.h"
#include "train/model/model_file.h"

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

Json as_json(const Timing& t) {
  return {{"median_ms", t.median_ms}, {"minimum_ms", t.minimum_ms},     {"cpu_ms", t.cpu_ms},    {"steps", t.steps},
          {"peak_mib", t.peak_mib},   {"reserved_mib", t.reserved_mib}, {"recorded", t.recorded}};
}

/// What a program that embeds one picture does: from its start to the embedding on the host.
Json time_start(const BenchOptions& o, const Compute& compute) {
  const LoadedModel loaded = load_model(o.folder + "/model.safetensors");
  loaded.model->to(compute.device);
  loaded.model->keep_folded_weights_alone();
  const Tensor images = load_npy(o.folder + "/images.npy").contiguous(Layout::ChannelsLast);
  const Tensor given = images.to(compute.device).to(compute.activations);
  run_model(*loaded.model, given, Output::Embedding).to(Device());
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  Timing t;
  t.median_ms = t.minimum_ms =
      1e-6 * static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - o.since);
  t.cpu_ms = process_cpu_ms();
  t.steps = 1;
  add_memory(t, compute);
  return as_json(t);
}

Json time_case(const BenchOptions& o, const BenchCase& c, const Compute& compute) {
  if (c.mode == BenchCase::Mode::Start) return time_start(o, compute);
  const auto workload = make_workload(c, {o.size, o.folder, o.checkpoint_activations}, compute);
  return as_json(c.once() ? measure_once(*workload, compute)
                          : measure(*workload, compute, o.seconds, o.step_graph == StepGraph::Auto));
}

Json share_case(const BenchOptions& o, const BenchCase& c, const Compute& compute) {
  write_shared_case(c, o.size, compute, o.folder);
  return {{"folder", o.folder}};
}

Json compare_strict(const BenchOptions& o, const BenchCase& c, const Compute& compute) {
  const auto workload = make_workload(c, {o.size, o.folder, o.checkpoint_activations}, compute);
  const StrictTiming t = measure_strict(*workload, o.seconds);
  return {{"repeat_ms", t.repeat_ms}, {"strict_ms", t.strict_ms}, {"slowdown", t.slowdown()}, {"pairs", t.pairs}};
}

Json profile_case(const BenchOptions& o, const BenchCase& c, const Compute& compute) {
  const Peaks peaks = measure_peaks(compute);  // first, and freed: the case may need all of the memory
  const auto workload = make_workload(c, {o.size, o.folder, o.checkpoint_activations}, compute, Streams::One);
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
  MachineSpec machine = o.machine;
  machine.quiet = true;  // the parent has said it
  const Compute compute = apply(machine);
  Json answer;
  int code = 0;
  try {
    if (o.child == "machine") {
      answer = machine_facts(o, compute);
    } else {
      const BenchCase c = parse_case(o.cases.at(0));
      answer = o.child == "kernels"  ? profile_case(o, c, compute)
               : o.child == "strict" ? compare_strict(o, c, compute)
               : o.child == "share"  ? share_case(o, c, compute)
                                     : time_case(o, c, compute);
    }
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
