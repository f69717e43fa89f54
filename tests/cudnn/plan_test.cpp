// What the plans are kept by, and by which rules engines are chosen.
#include <cudnn.h>
#include <catch2/catch.hpp>

#include <memory>

#include "kernels/cudnn/plan_cache.h"
#include "kernels/cudnn/problem.h"

namespace fledge::test {
namespace {

using namespace cudnn;

const Dims kX{32, 64, 56, 55}, kW{128, 16, 3, 2};
const Conv2dParams kParams{
    .stride_h = 2, .stride_w = 1, .pad_top = 0, .pad_left = 1, .pad_bottom = 2, .pad_right = 3, .groups = 4};

ProblemKey key() { return problem_key(Op::Forward, DType::Float32, Precision::Strict, kX, kW, kParams); }

template <class... Notes>
unsigned notes(Notes... note) {
  return (0u | ... | (1u << note));
}

}  // namespace

TEST_CASE("a problem's key holds every number of it") {
  const ProblemKey k = key();
  CHECK(describe(k) == kParams.descriptor(kX, kW) + " float32");
  CHECK(Dims{k.n, k.k, k.p(), k.q()} == kParams.output_dims(kX, kW));
  for (std::int64_t ProblemKey::*field :
       {&ProblemKey::bfloat16, &ProblemKey::tf32, &ProblemKey::n, &ProblemKey::c, &ProblemKey::h, &ProblemKey::w,
        &ProblemKey::k, &ProblemKey::r, &ProblemKey::s, &ProblemKey::stride_h, &ProblemKey::stride_w,
        &ProblemKey::groups, &ProblemKey::pad_top, &ProblemKey::pad_left, &ProblemKey::pad_bottom,
        &ProblemKey::pad_right, &ProblemKey::flags, &ProblemKey::alignment}) {
    ProblemKey other = k;
    other.*field += 1;
    CHECK_FALSE(other == k);
  }
  ProblemKey other = k;
  other.op = Op::GradInput;
  CHECK_FALSE(other == k);
}

TEST_CASE("TF32 is a matter of float32 only") {
  CHECK(problem_key(Op::Forward, DType::Float32, Precision::TF32, kX, kW, kParams).tf32 == 1);
  CHECK(problem_key(Op::Forward, DType::BFloat16, Precision::TF32, kX, kW, kParams).tf32 == 0);
  CHECK(problem_key(Op::Forward, DType::BFloat16, Precision::Strict, kX, kW, kParams) ==
        problem_key(Op::Forward, DType::BFloat16, Precision::TF32, kX, kW, kParams));
}

TEST_CASE("alignment is what all addresses have in common") {
  const auto at = [](std::uintptr_t address) { return reinterpret_cast<const void*>(address); };
  CHECK(common_alignment(at(256), at(4096)) == 16);
  CHECK(common_alignment(at(256), at(4096 + 8)) == 8);
  CHECK(common_alignment(at(256 + 2), at(4096 + 8), at(0)) == 2);
  CHECK(common_alignment(at(0)) == 16);
}

TEST_CASE("epilogue flags") {
  const TensorView some;
  CHECK(epilogue_flags({}) == 0);
  CHECK(epilogue_flags({.bias = &some, .activation = Activation::ReLU}) == (kBias | kReLU));
  CHECK(epilogue_flags({.residual = &some, .activation = Activation::ReLU6}) == (kResidual | kReLU6));
}

TEST_CASE("engines: deterministic, float32 sums, TF32 only where allowed") {
  ProblemKey strict = key(), tf32 = strict, bfloat16 = strict;
  tf32.tf32 = 1;
  bfloat16.bfloat16 = 1;
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
  fused.bfloat16 = 1;
  fused.flags = kBias | kReLU;
  CHECK(acceptable(fused, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), false));
  CHECK_FALSE(acceptable(fused, notes(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), true));
  CHECK_FALSE(acceptable(fused, 0, false));
}

TEST_CASE("the plan cache drops what was used least recently") {
  PlanCache<ProblemKey, std::unique_ptr<int>> cache(3);
  const auto numbered = [](std::int64_t n) {
    ProblemKey k = key();
    k.n = n;
    return k;
  };
  for (int n = 1; n <= 3; ++n) cache.insert(numbered(n), std::make_unique<int>(n));
  REQUIRE(cache.find(numbered(1)));  // now 2 is the oldest
  cache.insert(numbered(4), std::make_unique<int>(4));
  CHECK(cache.size() == 3);
  CHECK_FALSE(cache.find(numbered(2)));
  for (int n : {1, 3, 4}) {
    REQUIRE(cache.find(numbered(n)));
    CHECK(**cache.find(numbered(n)) == n);
  }
  cache.insert(numbered(3), std::make_unique<int>(33));  // replaces, nothing has to go
  CHECK(cache.size() == 3);
  CHECK(**cache.find(numbered(3)) == 33);
  CHECK(cache.find(numbered(1)));
}

TEST_CASE("a plan that a recording uses is never thrown out") {
  PlanCache<ProblemKey, std::unique_ptr<int>> cache(2);
  const auto numbered = [](std::int64_t n) {
    ProblemKey k = key();
    k.n = n;
    return k;
  };
  cache.insert(numbered(1), std::make_unique<int>(1), true);
  cache.insert(numbered(2), std::make_unique<int>(2));
  cache.insert(numbered(3), std::make_unique<int>(3));
  CHECK(cache.find(numbered(1)));
  CHECK_FALSE(cache.find(numbered(2)));
  CHECK(cache.find(numbered(3), true));
  cache.insert(numbered(4), std::make_unique<int>(4));
  CHECK(cache.size() == 3);  // nothing could go
  for (int n : {1, 3, 4}) CHECK(cache.find(numbered(n)));
}

}  // namespace fledge::test
