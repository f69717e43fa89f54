// Streams, events and recorded work. Everything enqueued waits in its stream until somebody asks for it.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_runtime.h"

namespace emulator {

struct Capture;

/// One cudaEventRecord: where in which stream, and whether the stream has come by.
struct Record {
  Stream* stream = nullptr;  // null in recorded work
  bool done = false;
  std::chrono::steady_clock::time_point time;
  // In recorded work: which step of which recording it is.
  bool recorded = false;
  std::weak_ptr<Capture> capture;
  std::size_t branch = 0, position = 0;
};

/// What a stream does next: some work, an event's record, or a wait for one.
struct Step {
  std::function<void()> work;
  std::shared_ptr<Record> record, wait;
  bool copies = false;  // work touches nothing but these two
  const void *from = nullptr, *to = nullptr;
};

/// A recording: the steps of each stream that took part, the first being the one it began in.
struct Capture {
  std::vector<std::vector<Step>> branches;
  std::vector<Stream*> streams;
  cudaStreamCaptureMode mode{};
  std::uint64_t thread = 0;  // that began it
  bool invalid = false, ended = false;
};

struct Stream {
  int device = 0;
  std::deque<Step> steps;
  std::shared_ptr<Capture> capture;  // null: live
  std::size_t branch = 0;
};
struct Event {
  int device = 0;
  std::shared_ptr<Record> last;
  bool timed = true;
};
struct Graph {
  std::shared_ptr<Capture> recording;
};
struct GraphExec {
  std::shared_ptr<Capture> recording;
};

/// Held during every call: work of all host threads runs one at a time.
std::recursive_mutex& the_lock();
/// The calling thread's, as on real devices: streams and events belong to the device they were made on.
int current_device();
/// Remembers the error for cudaGetLastError.
cudaError_t answer(cudaError_t);

/// Runs what is needed of all streams until this one is empty, or the record is done.
void finish(Stream&);
void finish(const Record&);
void finish_everything();

Step step_of(std::function<void()> work);
Step step_of_copy(std::function<void()> work, const void* from, const void* to);
/// Puts a step into the stream, or into the recording it is part of.
cudaError_t add(cudaStream_t, Step);
bool is_stream(cudaStream_t);
Stream& stream_of(cudaStream_t);  // null: the legacy default stream

/// Calls that wait or allocate are forbidden while this thread records (and in global mode: while any does). Such a
/// call spoils the recordings it collides with.
bool forbidden_while_recording();
/// Runs a recording, each branch only as far as another one waits for it.
void replay(const Capture&);

}  // namespace emulator
