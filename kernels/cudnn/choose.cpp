#include "kernels/cudnn/choose.h"

#include <exception>
#include <string>
#include <vector>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/api/device_runtime.h"
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"
#include "kernels/plan/fastest.h"

namespace fledge::cudnn {
namespace {

constexpr int kMostTimed = 8;
constexpr std::size_t kLargeWorkspace = std::size_t{1} << 30;

/// Two time stamps in the current stream.
class Stopwatch {
 public:
  Stopwatch() {
    cuda::check(cudaEventCreate(&begin_), "tune");
    cuda::check(cudaEventCreate(&end_), "tune");
  }
  ~Stopwatch() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  template <class Work>
  float milliseconds(Work work) {
    cuda::check(cudaEventRecord(begin_, cuda::stream()), "tune");
    work();
    cuda::check(cudaEventRecord(end_, cuda::stream()), "tune");
    cuda::check(cudaEventSynchronize(end_), "tune");
    float ms = 0;
    cuda::check(cudaEventElapsedTime(&ms, begin_, end_), "tune");
    return ms;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Why candidates were passed over.
struct Failures {
  std::string last;
  std::exception_ptr memory;  // one had no memory for its workspace
};

/// Runs a built candidate; false with the reason.
bool start(State& state, ConvGraph& graph, int candidate, void* const* operands, int count, Failures& failures) {
  try {
    run_candidate(state, graph, candidate, graph.workspace(candidate), operands, count);
    return true;
  } catch (const VendorError& e) {
    failures.last = e.what();
  } catch (const Error& e) {
    if (e.problem().rfind(kOutOfGpuMemory, 0) != 0) throw;
    failures.memory = std::current_exception();
  }
  graph.drop(candidate);
  return false;
}

/// The candidates that can be built and started, at most `wanted`; what they wrote is the result. One that needs a
/// gigabyte of workspace is taken when there is no other.
std::vector<int> startable(State& state, ConvGraph& graph, int wanted, void* const* operands, int count) {
  std::vector<int> usable;
  Failures failures;
  for (const bool large : {false, true}) {
    for (int i = 0; i < graph.candidates() && static_cast<int>(usable.size()) < wanted; ++i) {
      if (!usable.empty() && graph.compiled_at_run_time(i)) continue;  // half a second each
      if (!graph.build(i)) {
        failures.last = graph.failure();
        continue;
      }
      if ((graph.workspace(i) > kLargeWorkspace) != large) {
        graph.drop(i);
        continue;
      }
      if (start(state, graph, i, operands, count, failures)) usable.push_back(i);
    }
    if (!usable.empty()) return usable;
  }
  if (failures.memory) std::rethrow_exception(failures.memory);
  throw VendorError(failures.last);
}

int fastest_of(State& state, ConvGraph& graph, const std::vector<int>& usable, void* const* operands, int count) {
  Stopwatch watch;
  return usable[fastest(usable.size(), [&](std::size_t i) {
    const std::size_t workspace = graph.workspace(usable[i]);
    return watch.milliseconds([&] { run_candidate(state, graph, usable[i], workspace, operands, count); });
  })];
}

}  // namespace

void run_candidate(State& state, const ConvGraph& graph, int candidate, std::size_t workspace, void* const* operands,
                   int count) {
  const cuda::Scratch scratch(workspace);
  graph.run(state.cudnn(), candidate, operands, count, scratch.as<void>());
}

ConvPlan choose_and_run(State& state, const ProblemKey& key, void* const* operands, int count) {
  static const bool tune = environment_switch("FLEDGE_CUDNN_TUNE", false);
  ConvPlan plan;
  plan.graph = std::make_unique<ConvGraph>(key, Target{.handle = state.cudnn(), .device_json = {}});
  const bool timed = tune && !cuda::capturing();
  const std::vector<int> usable = startable(state, *plan.graph, timed ? kMostTimed : 1, operands, count);
  plan.candidate = usable.size() > 1 ? fastest_of(state, *plan.graph, usable, operands, count) : usable[0];
  for (const int i : usable)
    if (i != plan.candidate) plan.graph->drop(i);
  plan.workspace = plan.graph->workspace(plan.candidate);
  return plan;
}

}  // namespace fledge::cudnn
