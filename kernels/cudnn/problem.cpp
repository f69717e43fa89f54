#include "kernels/cudnn/problem.h"

#include <cudnn.h>

#include <type_traits>

namespace fledge::cudnn {

static_assert(std::has_unique_object_representations_v<ProblemKey>, "a plan's key must have no padding bytes");

ProblemKey problem_key(Op op, DType data, Precision precision, const Dims& x, const Dims& w, const Conv2dParams& p) {
  const bool bfloat16 = data == DType::BFloat16;
  return {.op = op,
          .bfloat16 = bfloat16,
          .tf32 = !bfloat16 && precision == Precision::TF32,
          .n = x[0],
          .c = x[1],
          .h = x[2],
          .w = x[3],
          .k = w[0],
          .r = w[2],
          .s = w[3],
          .stride_h = p.stride_h,
          .stride_w = p.stride_w,
          .groups = p.groups,
          .pad_top = p.pad_top,
          .pad_left = p.pad_left,
          .pad_bottom = p.pad_bottom,
          .pad_right = p.pad_right};
}

std::int64_t epilogue_flags(const ConvEpilogue& e) {
  std::int64_t flags = 0;
  if (e.bias) flags |= kBias;
  if (e.residual) flags |= kResidual;
  if (e.activation == Activation::ReLU) flags |= kReLU;
  if (e.activation == Activation::ReLU6) flags |= kReLU6;
  return flags;
}

std::string describe(const ProblemKey& key) {
  const Conv2dParams params{.stride_h = static_cast<int>(key.stride_h),
                            .stride_w = static_cast<int>(key.stride_w),
                            .pad_top = static_cast<int>(key.pad_top),
                            .pad_left = static_cast<int>(key.pad_left),
                            .pad_bottom = static_cast<int>(key.pad_bottom),
                            .pad_right = static_cast<int>(key.pad_right),
                            .groups = static_cast<int>(key.groups)};
  std::string d = params.descriptor({key.n, key.c, key.h, key.w}, {key.k, key.c / key.groups, key.r, key.s});
  d += key.bfloat16 ? " bfloat16" : key.tf32 ? " float32 (TF32)" : " float32";
  if (key.flags & kBias) d += " bias";
  if (key.flags & kResidual) d += " residual";
  if (key.flags & kReLU) d += " relu";
  if (key.flags & kReLU6) d += " relu6";
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
  if (key.bfloat16) refused |= bit(CUDNN_NUMERICAL_NOTE_WINOGRAD) | bit(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4);
  // cuDNN's tensor-core kernels for float32 operands are TF32 kernels.
  if (!key.bfloat16 && !key.tf32)
    refused |= bit(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) | bit(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
  if (notes & refused) return false;
  // Fused: a slow engine costs more than a pass of our own saves, and one compiled at run
  // time half a second of waiting per problem.
  if (key.flags != 0) return (notes & bit(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) && !compiled_at_run_time;
  return true;
}

}  // namespace fledge::cudnn
