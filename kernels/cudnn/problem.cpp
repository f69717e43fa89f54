#include "kernels/cudnn/problem.h"

#include <cudnn.h>

namespace fledge::cudnn {

ProblemKey problem_key(ConvDirection direction, DType data, Precision precision, const Dims& x, const Dims& w,
                       const Conv2dParams& p) {
  ProblemKey key{conv_problem(direction, data, x, w, p)};
  key.tf32 = data == DType::Float32 && precision == Precision::TF32;
  return key;
}

std::string describe(const ProblemKey& key) {
  std::string d = describe(static_cast<const ConvProblem&>(key));
  if (key.tf32) d += " TF32";
  if (key.alignment < 16) d += " aligned to " + std::to_string(key.alignment) + " bytes";
  return d;
}

bool acceptable(const ProblemKey& key, unsigned notes, bool compiled_at_run_time) {
  const auto bit = [](cudnnBackendNumericalNote_t note) { return 1u << note; };
  // Never: sums whose order changes from run to run, sums narrower than float32, and transforms that lose digits. The
  // small Winograd tile (F(2x2,3x3)) loses about a bit in float32; its transformed operands do not fit bfloat16.
  unsigned refused = bit(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) |
                     bit(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) | bit(CUDNN_NUMERICAL_NOTE_FFT) |
                     bit(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6) | bit(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13);
  if (key.bfloat16()) refused |= bit(CUDNN_NUMERICAL_NOTE_WINOGRAD) | bit(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4);
  // cuDNN's tensor-core kernels for float32 operands are TF32 kernels.
  if (!key.bfloat16() && !key.tf32)
    refused |= bit(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) | bit(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
  if (notes & refused) return false;
  // Fused: a slow engine costs more than a pass of our own saves, and one compiled at run time half a second of waiting
  // per problem.
  if (key.epilogue != 0) return (notes & bit(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) && !compiled_at_run_time;
  return true;
}

}  // namespace fledge::cudnn
