// What a way of computing convolutions is to the CPU's table, and the ways there are.
#pragma once
#include "kernels/plan/conv_problem.h"

namespace fledge::cpu {

/// One call of an entry of ConvKernels, whatever its direction: the gradients stand where their values do (dx as x, dw
/// as w, dy as y).
struct ConvCall {
  ConvDirection direction;
  const TensorView &x, &w, &y;
  const Conv2dParams& params;
  ConvEpilogue epilogue{};  // of Forward

  ConvProblem problem() const {
    ConvProblem p = conv_problem(direction, x.dtype, x.dims, w.dims, params);
    p.epilogue = epilogue_bits(epilogue, y);
    return p;
  }
};

struct ConvImplementation {
  const char* name;
  /// Why it does not take the call, in a few words; null: it does. Decides by shapes and layouts alone.
  const char* (*refuses)(const ConvCall&);
  /// A call that it does not refuse. Plans and packed weights are its own affair (kernels/plan).
  void (*run)(ExecContext&, const ConvCall&);
};

// A file each.
extern const ConvImplementation kDepthwise;  // own SIMD
extern const ConvImplementation kOneDnn;
extern const ConvImplementation kReference;

}  // namespace fledge::cpu
