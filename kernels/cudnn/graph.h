// ConvGraph: one convolution problem as a cuDNN graph, with the engine configurations that cuDNN proposes for it.
// graph.cpp is the only file that includes the heavy cudnn_frontend.h.
#pragma once
#include <cudnn.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/cudnn/problem.h"

namespace fledge::cudnn {

/// What cuDNN or cuBLAS said; leaves this folder as fledge::Error only.
struct VendorError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What plans are made for: the device of a handle, or a device described in cuDNN's JSON (a check without a GPU).
struct Target {
  cudnnHandle_t handle = nullptr;
  std::string device_json;
};

// Operands in the order of run(): forward x, w, y, then residual and bias (in the type
// of the data) where the flags say so; gradients as the enums.
namespace forward_operand {
enum { x, w, y, first_optional };
}
namespace grad_input_operand {
enum { dy, w, dx };
}
namespace grad_weight_operand {
enum { dy, x, dw };
}

class ConvGraph {
 public:
  /// Describes the problem and asks the heuristics. Throws VendorError where cuDNN has no engine for it.
  ConvGraph(const ProblemKey& key, const Target& target);
  ~ConvGraph();
  ConvGraph(const ConvGraph&) = delete;
  ConvGraph& operator=(const ConvGraph&) = delete;

  /// The configurations that acceptable() lets pass, in the heuristics' order: 0 is the best guess.
  int candidates() const;
  /// Makes a candidate ready to run. False: it cannot be used, failure() says why.
  bool build(int candidate);
  /// Frees what build() made.
  void drop(int candidate);

  const std::string& failure() const;
  std::size_t workspace(int candidate) const;  // of a built one
  std::string name(int candidate) const;       // "eng67_k2=1_k13=0", cuDNN's own
  bool compiled_at_run_time(int candidate) const;

  /// Enqueues on the handle's stream. Throws VendorError.
  void run(cudnnHandle_t handle, int candidate, void* const* operands, int count, void* workspace) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fledge::cudnn
