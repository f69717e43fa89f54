// Recorded work: what a thread enqueues between begin and end becomes a CUDA graph, launched again as one call.
#include <cuda_runtime.h>

#include <memory>

#include "kernels/cuda/runtime/allocator.h"
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"

namespace fledge::cuda {
namespace {

struct Recording {
  cudaGraphExec_t executable = nullptr;
  PoolId pool = 0;
  cudaStream_t runs_in = nullptr;  // where it was launched last
};

/// Of the calling thread: the stream it records in, 0 when it does not.
thread_local cudaStream_t recorded_stream = nullptr;
thread_local PoolId recorded_pool = 0;

}  // namespace

bool capturing() { return recorded_stream != nullptr; }

void begin_capture() {
  if (capturing()) throw Error(ErrorKind::Internal, "begin_capture", "this thread records already");
  const cudaStream_t s = stream();
  recorded_pool = begin_private_pool();
  // Thread-local: other threads (the loader's copies) go on as ever; what would synchronise in this one is an error.
  const cudaError_t status = cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
  if (status != cudaSuccess) {
    end_private_pool();
    release_private_pool(recorded_pool);
    check(status, "begin_capture");
  }
  recorded_stream = s;
}

DeviceGraph end_capture() {
  auto recording = std::make_unique<Recording>();
  recording->pool = recorded_pool;
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(recorded_stream, &graph);
  recorded_stream = nullptr;
  end_private_pool();
  cudaError_t status = ended;
  if (status == cudaSuccess) status = cudaGraphInstantiate(&recording->executable, graph, 0);
  if (status == cudaErrorMemoryAllocation && ended == cudaSuccess) {
    cudaGetLastError();
    release_cached_memory();
    status = cudaGraphInstantiate(&recording->executable, graph, 0);
  }
  if (graph) cudaGraphDestroy(graph);
  if (status != cudaSuccess) release_private_pool(recording->pool);
  check(status, "end_capture");
  return recording.release();
}

void abort_capture() {
  if (!capturing()) return;  // end_capture() failed: nothing is left of it
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(recorded_stream, &graph);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();
  recorded_stream = nullptr;
  end_private_pool();
  release_private_pool(recorded_pool);
}

void launch_graph(DeviceGraph g) {
  auto* recording = static_cast<Recording*>(g);
  recording->runs_in = stream();
  check(cudaGraphLaunch(recording->executable, recording->runs_in), "launch_graph");
}

void destroy_graph(DeviceGraph g) {
  const std::unique_ptr<Recording> recording(static_cast<Recording*>(g));
  if (recording->runs_in) cudaStreamSynchronize(recording->runs_in);  // no memory is given away under a run
  cudaGraphExecDestroy(recording->executable);
  release_private_pool(recording->pool);
}

}  // namespace fledge::cuda
