// ConvProblem: a convolution as a row of whole numbers, which is what plans and choices are kept by. The keys of the
// vendors' folders derive from it and add what only they depend on.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/api/conv.h"

namespace fledge {

enum class ConvDirection : std::int64_t { Forward = 1, GradInput, GradWeight };

// Bits of ConvProblem::epilogue. A residual that lies in the output is another problem: it can be computed only once.
inline constexpr std::int64_t kBias = 1, kResidual = 2, kResidualInPlace = 4, kReLU = 8, kReLU6 = 16;

/// Only whole words, so no padding: compared and hashed as bytes. Strides are missing on purpose: who keeps plans
/// demands dense channels-last operands, so dims say it all. In the order of the letters of kernels/README.md.
struct ConvProblem {
  ConvDirection direction{};
  std::int64_t dtype = 0;  // of the operands, a DType
  std::int64_t n = 0, c = 0, h = 0, w = 0;
  std::int64_t k = 0, r = 0, s = 0;
  std::int64_t stride_h = 0, stride_w = 0, groups = 0;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t epilogue = 0;  // of Forward

  friend bool operator==(const ConvProblem&, const ConvProblem&) = default;

  DType data() const { return static_cast<DType>(dtype); }
  std::int64_t p() const { return window_positions(h, r, stride_h, pad_top, pad_bottom); }
  std::int64_t q() const { return window_positions(w, s, stride_w, pad_left, pad_right); }
  /// Useful multiply-adds, roughly.
  std::int64_t work() const { return n * p() * q() * k * (c / groups) * r * s; }
};

/// x, w: dims of the input and of the weight, whichever of them the direction computes.
inline ConvProblem conv_problem(ConvDirection direction, DType dtype, const Dims& x, const Dims& w,
                                const Conv2dParams& p) {
  return {.direction = direction,
          .dtype = static_cast<std::int64_t>(dtype),
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

inline std::int64_t epilogue_bits(const ConvEpilogue& e, const TensorView& y) {
  std::int64_t bits = e.bias ? kBias : 0;
  if (e.residual) bits |= e.residual->data == y.data ? kResidualInPlace : kResidual;
  if (e.activation == Activation::ReLU) bits |= kReLU;
  if (e.activation == Activation::ReLU6) bits |= kReLU6;
  return bits;
}

/// The problem in words: Conv2dParams::descriptor, dtype, epilogue.
inline std::string describe(const ConvProblem& key) {
  const Conv2dParams params{.stride_h = static_cast<int>(key.stride_h),
                            .stride_w = static_cast<int>(key.stride_w),
                            .pad_top = static_cast<int>(key.pad_top),
                            .pad_left = static_cast<int>(key.pad_left),
                            .pad_bottom = static_cast<int>(key.pad_bottom),
                            .pad_right = static_cast<int>(key.pad_right),
                            .groups = static_cast<int>(key.groups)};
  std::string d = params.descriptor({key.n, key.c, key.h, key.w}, {key.k, key.c / key.groups, key.r, key.s});
  d += std::string(" ") + name_of(key.data());
  if (key.epilogue & kBias) d += " bias";
  if (key.epilogue & kResidual) d += " residual";
  if (key.epilogue & kResidualInPlace) d += " residual in place";
  if (key.epilogue & kReLU) d += " relu";
  if (key.epilogue & kReLU6) d += " relu6";
  return d;
}

/// The problem in words with its direction, as choices by the clock name it.
inline std::string text_of(const ConvProblem& problem, std::int64_t threads) {
  const char* direction = problem.direction == ConvDirection::Forward     ? "forward "
                          : problem.direction == ConvDirection::GradInput ? "grad_input "
                                                                          : "grad_weight ";
  return direction + describe(problem) + ", " + std::to_string(threads) + " threads";
}

}  // namespace fledge
