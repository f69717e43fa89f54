// Late on purpose: a stream's work runs when the host waits for it, and of other streams only what it waits for in
// turn. A wait that was forgotten shows as a wrong result, every time.
#include "streams.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "memory.h"
#include "report.h"

namespace emulator {
namespace {

std::vector<std::unique_ptr<Stream>>& streams() {
  static auto* all = [] {
    auto* list = new std::vector<std::unique_ptr<Stream>>;
    list->push_back(std::make_unique<Stream>());  // the legacy default stream
    return list;
  }();
  return *all;
}

/// Opened when the first work needs it, and kept open for the next.
using LazyAccess = std::optional<DeviceAccess>;

void run_first(Stream& s, LazyAccess& access) {
  Step step = std::move(s.steps.front());
  s.steps.pop_front();
  if (step.wait) finish(*step.wait);
  if (step.work && step.copies) {
    const AllocationAccess from(step.from), to(step.to);
    step.work();
  } else if (step.work) {
    if (!access) access.emplace();
    step.work();
  }
  if (!step.record) return;
  step.record->done = true;
  step.record->time = std::chrono::steady_clock::now();
}

}  // namespace

Step step_of(std::function<void()> work) {
  Step step;
  step.work = std::move(work);
  return step;
}
Step step_of_copy(std::function<void()> work, const void* from, const void* to) {
  Step step = step_of(std::move(work));
  step.copies = true;
  step.from = from;
  step.to = to;
  return step;
}

std::recursive_mutex& the_lock() {
  static auto* lock = new std::recursive_mutex;
  return *lock;
}

bool is_stream(cudaStream_t s) {
  return !s || std::any_of(streams().begin(), streams().end(), [&](const auto& known) { return known.get() == s; });
}
Stream& stream_of(cudaStream_t s) { return s ? *s : *streams().front(); }

void finish(Stream& s) {
  watch_faults();
  LazyAccess access;
  while (!s.steps.empty()) run_first(s, access);
}

void finish(const Record& r) {
  watch_faults();
  if (r.done || !r.stream) return;
  LazyAccess access;
  // A record whose stream is gone was done before; a stream never waits for what comes after itself.
  while (!r.done) {
    if (r.stream->steps.empty()) fatal("an event waits for a stream that has nothing left to do");
    run_first(*r.stream, access);
  }
}

void finish_everything() {
  for (const auto& s : streams()) finish(*s);
}

cudaError_t add(cudaStream_t handle, Step step) {
  watch_faults();
  if (!is_stream(handle)) return answer(cudaErrorInvalidResourceHandle);
  Stream& s = stream_of(handle);
  if (!s.capture) {
    s.steps.push_back(std::move(step));
    return cudaSuccess;
  }
  if (s.capture->invalid) return answer(cudaErrorStreamCaptureInvalidated);
  s.capture->branches[s.branch].push_back(std::move(step));
  return cudaSuccess;
}

void enqueue(cudaStream_t s, std::function<void()> work) {
  const std::lock_guard lock(the_lock());
  if (add(s, step_of(std::move(work))) != cudaSuccess) fatal("work for a stream that takes none");
}

}  // namespace emulator

using namespace emulator;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned flags) {
  const std::lock_guard lock(the_lock());
  // A blocking stream would have to take turns with the default stream: nothing here needs one.
  if (flags != cudaStreamNonBlocking) return answer(cudaErrorInvalidValue);
  streams().push_back(std::make_unique<Stream>());
  *s = streams().back().get();
  (*s)->device = current_device();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (!s || !is_stream(s) || s->capture) return answer(cudaErrorInvalidResourceHandle);
  finish(*s);
  std::erase_if(streams(), [&](const auto& known) { return known.get() == s; });
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (!is_stream(s)) return answer(cudaErrorInvalidResourceHandle);
  if (Stream& stream = stream_of(s); stream.capture) {
    stream.capture->invalid = true;
    return answer(cudaErrorStreamCaptureUnsupported);
  }
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  finish(stream_of(s));
  return cudaSuccess;
}

/// Says "not ready" once, and then sees to it: a caller that asks again and again gets on.
cudaError_t cudaStreamQuery(cudaStream_t s) {
  const std::lock_guard lock(the_lock());
  if (!is_stream(s)) return answer(cudaErrorInvalidResourceHandle);
  if (stream_of(s).capture || forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  if (stream_of(s).steps.empty()) return cudaSuccess;
  finish(stream_of(s));
  return cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(the_lock());
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  finish_everything();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned flags) {
  *e = new Event{current_device(), nullptr, (flags & cudaEventDisableTiming) == 0};
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e) {
  const std::lock_guard lock(the_lock());
  delete e;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t handle) {
  const std::lock_guard lock(the_lock());
  if (!e || !is_stream(handle)) return answer(cudaErrorInvalidResourceHandle);
  Stream& s = stream_of(handle);
  if (handle && s.device != e->device) return answer(cudaErrorInvalidResourceHandle);
  e->last = std::make_shared<Record>();
  if (s.capture) {
    e->last->recorded = true;
    e->last->capture = s.capture;
    e->last->branch = s.branch;
    e->last->position = s.capture->branches[s.branch].size();
  } else {
    e->last->stream = &s;
  }
  Step step;
  step.record = e->last;
  return add(handle, std::move(step));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t e, unsigned) {
  const std::lock_guard lock(the_lock());
  if (!e || !is_stream(handle)) return answer(cudaErrorInvalidResourceHandle);
  if (!e->last) return cudaSuccess;
  Stream& s = stream_of(handle);
  const std::shared_ptr<Capture> recording = e->last->capture.lock();
  if (!e->last->recorded && s.capture) {  // a recording knows nothing of what was enqueued outside
    s.capture->invalid = true;
    return answer(cudaErrorStreamCaptureIsolation);
  }
  if (e->last->recorded && (!recording || recording->ended)) return answer(cudaErrorCapturedEvent);
  if (recording && s.capture && s.capture != recording) {
    s.capture->invalid = recording->invalid = true;
    return answer(cudaErrorStreamCaptureMerge);
  }
  if (recording && !s.capture) {  // the stream becomes part of the recording
    s.capture = recording;
    s.branch = recording->branches.size();
    recording->branches.emplace_back();
    recording->streams.push_back(&s);
  }
  Step step;
  step.wait = e->last;
  return add(handle, std::move(step));
}

cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  const std::lock_guard lock(the_lock());
  if (!e) return answer(cudaErrorInvalidResourceHandle);
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  if (!e->last) return cudaSuccess;
  if (e->last->recorded) return answer(cudaErrorCapturedEvent);
  finish(*e->last);
  return cudaSuccess;
}

/// As cudaStreamQuery.
cudaError_t cudaEventQuery(cudaEvent_t e) {
  const std::lock_guard lock(the_lock());
  if (!e) return answer(cudaErrorInvalidResourceHandle);
  if (forbidden_while_recording()) return answer(cudaErrorStreamCaptureUnsupported);
  if (!e->last || e->last->done) return cudaSuccess;
  if (e->last->recorded) return answer(cudaErrorCapturedEvent);
  finish(*e->last);
  return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const std::lock_guard lock(the_lock());
  if (!begin || !end || !begin->last || !end->last || !begin->timed || !end->timed)
    return answer(cudaErrorInvalidResourceHandle);
  if (!begin->last->done || !end->last->done) return answer(cudaErrorNotReady);
  *milliseconds = std::chrono::duration<float, std::milli>(end->last->time - begin->last->time).count();
  return cudaSuccess;
}
