// What a plan depends on besides the convolution, and by which rules engines are chosen.
#include <cudnn.h>
#include <catch2/catch.hpp>

#include "kernels/cudnn/problem.h"

namespace fledge::test {
namespace {

using namespace cudnn;

const Dims kX{32, 64, 56, 55}, kW{128, 16, 3, 2};
const Conv2dParams kParams{
    .stride_h = 2, .stride_w = 1, .pad_top = 0, .pad_left = 1, .pad_bottom = 2, .pad_right = 3, .groups = 4};

ProblemKey key() { return problem_key(ConvDirection::Forward, DType::Float32, Precision::Strict, kX, kW, kParams); }

template <class... Notes>
unsigned notes(Notes... note) {
  return (0u | ... | (1u << note));
}

}  // namespace

TEST_CASE("a plan's key holds precision and alignment besides the problem") {
  const ProblemKey k = key();
  CHECK(describe(k) == kParams.descriptor(kX, kW) + " float32");
  for (std::int64_t ProblemKey::*field : {&ProblemKey::tf32, &ProblemKey::alignment}) {
    ProblemKey other = k;
    other.*field += 1;
    CHECK_FALSE(other == k);
  }
  ProblemKey other = k;
  other.n += 1;
  CHECK_FALSE(other == k);
}

TEST_CASE("TF32 is a matter of float32 only") {
  CHECK(problem_key(ConvDirection::Forward, DType::Float32, Precision::TF32, kX, kW, kParams).tf32 == 1);
  CHECK(problem_key(ConvDirection::Forward, DType::BFloat16, Precision::TF32, kX, kW, kParams).tf32 == 0);
  CHECK(problem_key(ConvDirection::Forward, DType::BFloat16, Precision::Strict, kX, kW, kParams) ==
        problem_key(ConvDirection::Forward, DType::BFloat16, Precision::TF32, kX, kW, kParams));
}

TEST_CASE("alignment is what all addresses have in common") {
  const auto at = [](std::uintptr_t address) { return reinterpret_cast<const void*>(address); };
  CHECK(common_alignment(at(256), at(4096)) == 16);
  CHECK(common_alignment(at(256), at(4096 + 8)) == 8);
  CHECK(common_alignment(at(256 + 2), at(4096 + 8), at(0)) == 2);
  CHECK(common_alignment(at(0)) == 16);
}

TEST_CASE("engines: deterministic, float32 sums, TF32 only where allowed") {
  ProblemKey strict = key(), tf32 = strict, bfloat16 = strict;
  tf32.tf32 = 1;
  bfloat16.dtype = static_cast<std::int64_t>(DType::BFloat16);
  for (const ProblemKey& k : {strict, tf32, bfloat16}) {
    CHECK(acceptable(k, 0, false));
    CHECK(acceptable(k, 0, true));
    CHECK(acceptable(k, notes(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP), false));
    CHECK_FALSE(acceptable(k, notes(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC), false));
    CHECK_FALSE(acceptable(k, notes(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION), false));
    CHECK_FALSE(acceptable(k, notes(CUDNN_NUMERICAL_NOTE_FFT), false));
  }
  CHECK_FALSE(acceptable(strict, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), false));
  CHECK_FALSE(acceptable(strict, notes(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS), false));
  CHECK(acceptable(tf32, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), false));
  CHECK(acceptable(bfloat16, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), false));
  const unsigned small_tile = notes(CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4);
  CHECK(acceptable(strict, small_tile, false));
  CHECK_FALSE(acceptable(bfloat16, small_tile, false));
  CHECK_FALSE(acceptable(strict, notes(CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6), false));
}

TEST_CASE("fused engines: tensor cores, compiled beforehand") {
  ProblemKey fused = key();
  fused.dtype = static_cast<std::int64_t>(DType::BFloat16);
  fused.epilogue = kBias | kReLU;
  CHECK(acceptable(fused, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), false));
  CHECK_FALSE(acceptable(fused, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), true));
  CHECK_FALSE(acceptable(fused, 0, false));
}

}  // namespace fledge::test
