// ProblemKey: what a plan of cuDNN depends on, and the rules for which engines may run.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/plan/conv_problem.h"

namespace fledge::cudnn {

struct ProblemKey : ConvProblem {
  std::int64_t tf32 = 0;        // float32 only: operands may be rounded to TF32
  std::int64_t alignment = 16;  // bytes that every operand's address is a multiple of; 16 is as good as more

  friend bool operator==(const ProblemKey&, const ProblemKey&) = default;

  bool bfloat16() const { return data() == DType::BFloat16; }
};

/// The key of a convolution without epilogue; `data`: type of the operands.
ProblemKey problem_key(ConvDirection direction, DType data, Precision precision, const Dims& x, const Dims& w,
                       const Conv2dParams& params);
/// The greatest power of two up to 16 that divides all the addresses.
template <class... Pointers>
std::int64_t common_alignment(Pointers... pointers) {
  const std::uintptr_t bits = (std::uintptr_t{16} | ... | reinterpret_cast<std::uintptr_t>(pointers));
  return static_cast<std::int64_t>(bits & (~bits + 1));
}

/// The problem in words, for error messages.
std::string describe(const ProblemKey& key);

/// May an engine with these numerical notes (bit i: note i of cudnnBackendNumericalNote_t) compute `key`?
bool acceptable(const ProblemKey& key, unsigned numerical_notes, bool compiled_at_run_time);

}  // namespace fledge::cudnn
