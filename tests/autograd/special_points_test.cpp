// Gradients where differences cannot be taken: ties, kinks, zeros, clamps. The right value is written down.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/cases.h"
#include "tests/autograd/leaf.h"

namespace fledge::test {
TEST_CASE("max and min share the gradient among ties") {
  const Variable x = leaf({3, 1, 3, 2, 2, 2}, {2, 3});
  max(x, {1}).backward(from_vector<double>({10, 6}, {2}));
  CHECK(grad_of(x) == Values{5, 0, 5, 2, 2, 2});
  Variable z = leaf({1, 4, 1, 1}, {4});
  min(z).backward();
  for (int i : {0, 2, 3}) CHECK(grad_of(z)[i] == Approx(1.0 / 3).epsilon(1e-15));
  CHECK(grad_of(z)[1] == 0);
}

TEST_CASE("kinks have the documented slope") {
  const Variable x = leaf({0, -0.0, 6, 7, 3}, {5});
  SECTION("relu at 0 is flat") {
    sum(relu(x)).backward();
    CHECK(grad_of(x) == Values{0, 0, 1, 1, 1});
  }
  SECTION("relu6 is flat at 0 and at 6") {
    sum(relu6(x)).backward();
    CHECK(grad_of(x) == Values{0, 0, 0, 0, 1});
  }
  SECTION("abs at 0") {
    sum(abs(x)).backward();
    CHECK(grad_of(x) == Values{0, 0, 1, 1, 1});
  }
  SECTION("sqrt at 0, where the true slope is infinite") {
    sum(sqrt(x)).backward();
    CHECK(grad_of(x)[0] == 0);
    CHECK(grad_of(x)[3] == Approx(0.5 / std::sqrt(7.0)));
  }
  SECTION("clamp passes at its bounds") {
    sum(clamp(x, 0, 6)).backward();
    CHECK(grad_of(x) == Values{1, 1, 1, 0, 1});
  }
}

TEST_CASE("distances that are zero have gradient zero, not NaN") {
  const Variable x = leaf({1, 2, 1, 2, 4, 6}, {3, 2});  // rows 0 and 1 are the same
  const Variable d = pairwise_distance(x, x);
  CHECK(d.value().to_vector<double>()[0] == 0);
  d.backward(ones({3, 3}, DType::Float64));
  // Row 2 is 5 away from both others: unit vectors (0.6, 0.8), each distance counted twice.
  const Values expected{-1.2, -1.6, -1.2, -1.6, 2.4, 3.2};
  for (int i = 0; i < 6; ++i) CHECK(grad_of(x)[i] == Approx(expected[i]).epsilon(1e-12));
}

TEST_CASE("distances to the same values held constant give one side's gradient") {
  const Tensor values = normal({4, 3}, 1);
  const Variable x(values, true), both(values.clone(), true);
  const Tensor cotangent = normal({4, 4}, 2);
  pairwise_distance(x, x.detach()).backward(cotangent);
  // d/da of the two-sided distance: the self gradient for the cotangent's rows only.
  Values expected(12, 0);
  const Values v = values.to_vector<double>(), w = cotangent.to_vector<double>();
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      double d = 0;
      for (int c = 0; c < 3; ++c) d += (v[3 * i + c] - v[3 * j + c]) * (v[3 * i + c] - v[3 * j + c]);
      if (i == j) continue;
      for (int c = 0; c < 3; ++c) expected[3 * i + c] += w[4 * i + j] * (v[3 * i + c] - v[3 * j + c]) / std::sqrt(d);
    }
  }
  for (int i = 0; i < 12; ++i) CHECK(grad_of(x)[i] == Approx(expected[i]).epsilon(1e-9));
}

TEST_CASE("a row of zeros can be normalised") {
  const Variable x = leaf({0, 0, 3, 4}, {2, 2});
  const Variable y = l2_normalize(x);
  CHECK(y.value().to_vector<double>() == Values{0, 0, 0.6, 0.8});
  sum(y).backward();
  for (double g : grad_of(x)) CHECK(std::isfinite(g));
}

TEST_CASE("masked extremes of an empty row are zero and pass nothing back") {
  const Variable x = leaf({1, 2, 3, 4}, {2, 2});
  const Tensor mask = from_vector<std::uint8_t>({0, 0, 1, 1}, {2, 2});
  const Variable y = masked_row_max(x, mask);
  CHECK(y.value().to_vector<double>() == Values{0, 4});
  y.backward(from_vector<double>({7, 5}, {2}));
  CHECK(grad_of(x) == Values{0, 0, 0, 5});
}

TEST_CASE("max-pool hands a tie's gradient to the first element") {
  const Variable x = leaf({1, 1, 1, 1}, {1, 1, 2, 2});
  sum(max_pool2d(x, {.kernel_h = 2, .kernel_w = 2, .pad_top = 0, .pad_left = 0, .pad_bottom = 0, .pad_right = 0}))
      .backward();
  CHECK(grad_of(x) == Values{1, 0, 0, 0});
}

TEST_CASE("dropout keeps the expectation, and is the identity at p = 0") {
  Generator g(3);
  const Variable x(ones({10000}, DType::Float64), true);
  CHECK(dropout(x, 0, g).impl() == x.impl());
  const Variable y = dropout(x, 0.25, g);
  sum(y).backward();
  CHECK(grad_of(x) == y.value().to_vector<double>());
  CHECK(mean(y).item() == Approx(1).margin(0.03));
  for (double v : grad_of(x)) REQUIRE((v == 0 || v == Approx(1 / 0.75)));
}

TEST_CASE("batch norm updates the running statistics in training only") {
  const Variable x(normal({4, 2, 3, 3}, 1, Layout::ChannelsLast), true);
  const Variable gamma(ones({2}, DType::Float64), true), beta(zeros({2}, DType::Float64), true);
  const Tensor mean = zeros({2}, DType::Float64), var = ones({2}, DType::Float64);
  batch_norm(x, gamma, beta, {}, mean, var, false, {});
  CHECK(mean.to_vector<double>() == Values{0, 0});
  batch_norm(x, gamma, beta, {}, mean, var, true, {});
  const Values batch_mean = fledge::mean(x, {0, 2, 3}).value().to_vector<double>();
  for (int c : {0, 1}) CHECK(mean.to_vector<double>()[c] == Approx(0.1 * batch_mean[c]).epsilon(1e-12));
}

}  // namespace fledge::test
