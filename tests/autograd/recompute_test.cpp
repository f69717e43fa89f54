// Functions that are computed again in the backward pass: the same gradients to the bit, and nothing kept but inputs.
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "autograd/gradcheck.h"
#include "autograd/ops/ops.h"
#include "autograd/recompute.h"
#include "tests/autograd/cases.h"
#include "tests/autograd/leaf.h"

namespace fledge::test {
namespace {

/// Two branches inside, leaves of its own, and x used outside too.
Variable network(const Variable& x, const Variable& w, bool again) {
  const auto block = [&w](Variable v) { return relu(v * w) + square(v); };
  const auto run = [&](const Variable& v) { return again ? recomputed(block, v) : block(v); };
  const Variable first = run(x + 0.0), second = run(first);
  return sum(second * first + exp(affine(first, -0.1, 0)));
}

}  // namespace

TEST_CASE("recomputed: gradients are those of the kept graph, to the bit", "[recompute]") {
  const Tensor values = normal({7, 5}, 1), weights = normal({7, 5}, 2);
  std::vector<Values> found;
  for (const bool again : {false, true}) {
    const Variable x(values, true), w(weights, true);
    network(x, w, again).backward();
    found.push_back(grad_of(x));
    found.push_back(grad_of(w));
  }
  CHECK(found[2] == found[0]);
  CHECK(found[3] == found[1]);
}

TEST_CASE("recomputed: central differences", "[recompute]") {
  const GradcheckResult r = gradcheck([](const std::vector<Variable>& v) { return network(v[0], v[1], true); },
                                      {normal({3, 2}, 3), normal({3, 2}, 4)});
  INFO(r.message);
  CHECK(r.ok);
}

TEST_CASE("recomputed: twice with a graph, once without", "[recompute]") {
  const Variable x = leaf({1, -2}), constant(x.value());
  std::vector<bool> second;
  const auto f = [&](const Variable& v) {
    second.push_back(recomputing());
    return square(v);
  };
  const Variable y = sum(recomputed(f, x));
  CHECK(second == std::vector<bool>{false});
  {
    const NoGradGuard around;  // the second run records its graph all the same
    y.backward();
  }
  CHECK(second == std::vector<bool>{false, true});
  CHECK(grad_of(x) == Values{2, -4});
  CHECK_FALSE(recomputing());
  CHECK_THROWS_WITH(y.backward(), Catch::Contains("released"));

  second.clear();
  CHECK_FALSE(recomputed(f, constant).requires_grad());
  CHECK(second == std::vector<bool>{false});
}

TEST_CASE("recomputed: an input without gradient, leaves with one", "[recompute]") {
  const Variable x(from_vector<double>({2, 3}, {2})), w = leaf({5, 7});
  sum(recomputed([&](const Variable& v) { return v * w; }, x)).backward();
  CHECK(grad_of(w) == Values{2, 3});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("recomputed: what is inside is not kept, and an input that was written is told", "[recompute]") {
  Tensor inside;
  const Variable x = leaf({1, 2});
  const auto f = [&](const Variable& v) {
    const Variable e = exp(v);
    inside = e.value();
    return square(e);
  };
  const Variable kept = square(f(x));
  CHECK(inside.use_count() > 1);
  const Variable y = sum(recomputed(f, x));
  CHECK(inside.use_count() == 1);
  x.value().fill(3);
  CHECK_THROWS_WITH(y.backward(), Catch::Contains("[recomputed] saved input was modified"));
}

TEST_CASE("norms computed again for convolutions: the same gradients to the bit, in float64 and float32",
          "[recompute]") {
  for (const auto& [dtype, gathers] :
       {std::pair{DType::Float64, false}, {DType::Float64, true}, {DType::Float32, false}, {DType::Float32, true}}) {
    std::vector<Values> found;
    std::vector<bool> kept;
    for (const bool again : {false, true}) {
      const RecomputeNorms guard(again);
      const auto make = [&](const Dims& dims, std::uint64_t seed) {
        return Variable(normal(dims, seed, Layout::ChannelsLast).to(dtype), true);
      };
      const Variable x = make({3, 4, 5, 6}, 1), w1 = make({8, 4, 3, 3}, 2), w2 = make({6, 8, 3, 3}, 3);
      const auto channels = [&](std::uint64_t seed) { return Variable(uniform({8}, seed, 0.5, 2).to(dtype), true); };
      const Variable gamma = channels(4), beta = channels(5);
      const Conv2dParams padded{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
      Tensor moments;
      const Variable between = conv2d(x, w1, {}, padded, gathers ? &moments : nullptr);
      CHECK(moments.defined() == gathers);
      Variable y = batch_norm(between, gamma, beta, {}, {}, {}, true, {.activation = Activation::ReLU}, moments);
      const Tensor output = y.value();
      const Variable z = conv2d(y, w2, {}, padded);
      y = {};
      kept.push_back(output.use_count() > 1);
      sum(square(z)).backward();
      for (const Variable& v : {x, w1, w2, gamma, beta}) found.push_back(grad_of(v));
    }
    CHECK(kept == std::vector<bool>{true, false});
    for (std::size_t i = 0; i < 5; ++i) CHECK(found[i + 5] == found[i]);
  }
}

}  // namespace fledge::test
