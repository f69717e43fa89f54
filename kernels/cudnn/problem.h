// ProblemKey: a convolution as a row of whole numbers, the key under which its plan is kept.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/api/conv.h"

namespace fledge::cudnn {

enum class Op : std::int64_t { Forward = 1, GradInput, GradWeight };

// Bits of ProblemKey::flags: the epilogue of a forward convolution.
inline constexpr std::int64_t kBias = 1, kResidual = 2, kReLU = 4, kReLU6 = 8;

/// Only whole words, so no padding: compared and hashed as bytes. Strides are missing on purpose: every operand is
/// dense channels-last, so dims say it all. In the order of the letters of kernels/README.md.
struct ProblemKey {
  Op op{};
  std::int64_t bfloat16 = 0;  // type of all operands, else float32
  std::int64_t tf32 = 0;      // float32 only: operands may be rounded to TF32
  std::int64_t n = 0, c = 0, h = 0, w = 0;
  std::int64_t k = 0, r = 0, s = 0;
  std::int64_t stride_h = 0, stride_w = 0, groups = 0;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t flags = 0;
  std::int64_t alignment = 16;  // bytes that every operand's address is a multiple of; 16 is as good as more

  friend bool operator==(const ProblemKey&, const ProblemKey&) = default;

  std::int64_t p() const { return (h + pad_top + pad_bottom - r) / stride_h + 1; }
  std::int64_t q() const { return (w + pad_left + pad_right - s) / stride_w + 1; }
};

/// The key of a convolution without epilogue; `data`: type of the operands.
ProblemKey problem_key(Op op, DType data, Precision precision, const Dims& x, const Dims& w,
                       const Conv2dParams& params);
std::int64_t epilogue_flags(const ConvEpilogue& epilogue);
/// The greatest power of two up to 16 that divides all the addresses.
template <class... Pointers>
std::int64_t common_alignment(Pointers... pointers) {
  const std::uintptr_t bits = (std::uintptr_t{16} | ... | reinterpret_cast<std::uintptr_t>(pointers));
  return static_cast<std::int64_t>(bits & (~bits + 1));
}

/// The problem in words, for error messages: Conv2dParams::descriptor, data type, epilogue.
std::string describe(const ProblemKey& key);

/// May an engine with these numerical notes (bit i: note i of cudnnBackendNumericalNote_t) compute `key`?
bool acceptable(const ProblemKey& key, unsigned numerical_notes, bool compiled_at_run_time);

}  // namespace fledge::cudnn
