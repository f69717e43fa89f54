// What a way of computing convolutions is to the CPU's table, and the ways there are.
#pragma once
#include "kernels/cpu/moments.h"
#include "kernels/plan/conv_problem.h"

namespace fledge::cpu {

/// One call of an entry of ConvKernels, whatever its direction: the gradients stand where their values do (dx as x, dw
/// as w, dy as y).
struct ConvCall {
  ConvDirection direction;
  const TensorView &x, &w, &y;
  const Conv2dParams& params;
  ConvEpilogue epilogue{};                  // of Forward
  bool inference = false;                   // the weight stays as it is, so that its packed forms are worth keeping
  Precision precision = Precision::Strict;  // that may be
  OutputMoments* moments = nullptr;  // of y, wanted: begun and filled by an implementation, or else by a pass over y

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
  /// Why the rule, which does not measure, passes it over though it takes the call; null: it does not, as of a null
  /// function. Decides by shapes alone.
  const char* (*unfit)(const ConvCall&) = nullptr;
  /// A call that it does not refuse. Plans and packed weights are its own affair (kernels/plan).
  void (*run)(ExecContext&, const ConvCall&);
  Precision precision = Precision::Strict;  // only for calls that allow this or less; Strict: for all
};

// A file each.
extern const ConvImplementation kDepthwise;                                       // own SIMD
extern const ConvImplementation kWinograd4, kWinograd2;                           // own SIMD: 3 x 3 taps
extern const ConvImplementation kInt8, kInt16, kInt16Winograd4, kInt16Winograd2;  // own SIMD: inference
extern const ConvImplementation kFewChannels;                                     // own SIMD: a first layer, forward
extern const ConvImplementation kPointwise;          // own SIMD: one tap, forward with moments
extern const ConvImplementation kProductGradWeight;  // own SIMD: dense weights
extern const ConvImplementation kOneDnn;
extern const ConvImplementation kReference;

/// Of the last two, the first that takes the call: a sum over the taps inside the picture and nothing else. Own
/// implementations that also add and subtract other terms leave it to these where a result is not finite.
const ConvImplementation& direct(const ConvCall&);
/// Whether a dense float32 tensor has neither NaN nor infinity.
bool all_finite(const TensorView&);

}  // namespace fledge::cpu
