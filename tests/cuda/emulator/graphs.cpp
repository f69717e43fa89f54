// Recorded work: steps go into the recording's branches, one for each stream that took part, and are run from there.
#include <algorithm>
#include <atomic>

#include "memory.h"
#include "report.h"
#include "streams.h"

namespace emulator {
namespace {

/// Recordings going on, of all threads.
std::vector<std::shared_ptr<Capture>>& recordings() {
  static auto* list = new std::vector<std::shared_ptr<Capture>>;
  return *list;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

std::uint64_t this_thread() {
  static std::atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t id = ++last;
  return id;
}

/// Does every other branch end with something that is waited for?
bool joined(const Capture& c) {
  std::vector<std::size_t> waited_for(c.branches.size(), 0);
  for (const auto& branch : c.branches)
    for (const Step& step : branch)
      if (step.wait && step.wait->capture.lock().get() == &c)
        waited_for[step.wait->branch] = std::max(waited_for[step.wait->branch], step.wait->position + 1);
  for (std::size_t b = 1; b < c.branches.size(); ++b)
    if (waited_for[b] < c.branches[b].size()) return false;
  return true;
}

struct Replay {
  const Capture& recording;
  std::vector<std::size_t> next;  // step of each branch

  void run(std::size_t branch, std::size_t end) {
    while (next[branch] < end) {
      const Step& step = recording.branches[branch][next[branch]++];
      if (step.wait) run(step.wait->branch, step.wait->position + 1);
      if (step.work) step.work();
    }
  }
};

}  // namespace

bool forbidden_while_recording() {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return false;
  bool forbidden = false;
  for (const auto& c : recordings()) {
    const bool collides = c->mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal;
    const bool own = c->thread == this_thread() && c->mode != cudaStreamCaptureModeRelaxed;
    if (!collides && !own) continue;
    c->invalid = forbidden = true;
  }
  return forbidden;
}

void replay(const Capture& c) {
  Replay{c, std::vector<std::size_t>(c.branches.size(), 0)}.run(0, c.branches[0].size());
}

}  // namespace emulator

using namespace emulator;

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, thread_mode);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(the_lock());
  if (!s || !is_stream(s)) return answer(cudaErrorInvalidResourceHandle);
  if (s->capture) return answer(cudaErrorStreamCaptureUnsupported);
  s->capture = std::make_shared<Capture>();
  s->branch = 0;
  s->capture->branches.resize(1);
  s->capture->streams = {s};
  s->capture->mode = mode;
  s->capture->thread = this_thread();
  recordings().push_back(s->capture);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* graph) {
  const std::lock_guard lock(the_lock());
  *graph = nullptr;
  if (!s || !is_stream(s)) return answer(cudaErrorInvalidResourceHandle);
  if (!s->capture || s->branch != 0) return answer(cudaErrorStreamCaptureUnmatched);
  const std::shared_ptr<Capture> recording = s->capture;
  if (recording->mode != cudaStreamCaptureModeRelaxed && recording->thread != this_thread())
    return answer(cudaErrorStreamCaptureWrongThread);
  for (Stream* member : recording->streams) member->capture.reset();
  std::erase(recordings(), recording);
  recording->ended = true;
  const cudaError_t status = recording->invalid    ? cudaErrorStreamCaptureInvalidated
                             : !joined(*recording) ? cudaErrorStreamCaptureUnjoined
                                                   : cudaSuccess;
  if (status == cudaSuccess) *graph = new Graph{recording};
  return answer(status);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(the_lock());
  if (!is_stream(s)) return answer(cudaErrorInvalidResourceHandle);
  const std::shared_ptr<Capture>& c = stream_of(s).capture;
  *status = !c           ? cudaStreamCaptureStatusNone
            : c->invalid ? cudaStreamCaptureStatusInvalidated
                         : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const std::lock_guard lock(the_lock());
  if (!graph) return answer(cudaErrorInvalidValue);
  *executable = new GraphExec{graph->recording};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (!executable) return answer(cudaErrorInvalidValue);
  return add(s, step_of([recording = executable->recording] { replay(*recording); }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(the_lock());
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(the_lock());
  delete executable;
  return cudaSuccess;
}
