// Variables: leaves, gradients on them, grad mode, and the messages of misuse.
#include <catch2/catch.hpp>
#include <thread>

#include "autograd/grad_mode.h"
#include "autograd/node.h"
#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"
#include "tests/autograd/leaf.h"

namespace fledge::test {
TEST_CASE("leaf gradients add up until they are dropped") {
  Variable x = leaf({1, 2});
  CHECK_FALSE(x.grad().defined());
  sum(square(x)).backward();
  CHECK(x.grad().to_vector<double>() == Values{2, 4});
  sum(3 * x).backward();
  CHECK(x.grad().to_vector<double>() == Values{5, 7});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a gradient that the caller kept is not written by the next backward") {
  Variable x = leaf({1, 2});
  sum(square(x)).backward();
  const Tensor kept = x.grad();
  sum(square(x)).backward();
  CHECK(kept.to_vector<double>() == Values{2, 4});
  CHECK(x.grad().to_vector<double>() == Values{4, 8});
}

TEST_CASE("a frozen leaf and a constant get no gradient, and make no node") {
  Variable x = leaf({1, 2}), frozen = leaf({3, 4});
  frozen.set_requires_grad(false);
  sum(x * frozen).backward();
  CHECK(x.grad().to_vector<double>() == Values{3, 4});
  CHECK_FALSE(frozen.grad().defined());
  CHECK_FALSE(square(frozen).creator());
  CHECK_FALSE(square(frozen).requires_grad());
}

TEST_CASE("under NoGradGuard nothing is recorded, in this thread only") {
  const Variable x = leaf({1, 2});
  {
    NoGradGuard outer;
    {
      NoGradGuard inner;
      CHECK_FALSE(square(x).creator());
    }
    CHECK_FALSE(grad_enabled());
    CHECK_FALSE(square(x).requires_grad());
    bool elsewhere = false;
    std::thread([&] { elsewhere = grad_enabled(); }).join();
    CHECK(elsewhere);
  }
  CHECK(grad_enabled());
  CHECK(square(x).creator());
}

TEST_CASE("detach cuts the graph and shares the value") {
  const Variable x = leaf({1, 2});
  const Variable y = square(x), cut = y.detach();
  CHECK_FALSE(cut.creator());
  CHECK_FALSE(cut.requires_grad());
  CHECK(cut.value().shares_storage_with(y.value()));
  sum(y * cut).backward();  // as if cut were the constant (1, 4)
  CHECK(x.grad().to_vector<double>() == Values{2, 16});
}

TEST_CASE("a seed replaces the 1 of a scalar and is left alone") {
  Variable x = leaf({1, 2});
  const Tensor seed = from_vector<double>({10, 100}, {2});
  (x + 0.0).backward(seed);
  CHECK(x.grad().to_vector<double>() == Values{10, 100});
  x.grad().fill(0);
  CHECK(seed.to_vector<double>() == Values{10, 100});
  x.zero_grad();
  x.backward(seed);  // of the leaf itself
  CHECK(x.grad().to_vector<double>() == Values{10, 100});
  CHECK_FALSE(x.grad().shares_storage_with(seed));
}

TEST_CASE("set_value keeps a gradient that still fits") {
  Variable x = leaf({1, 2});
  sum(square(x)).backward();
  x.set_value(from_vector<double>({5, 6}, {2}));
  CHECK(x.grad().defined());
  x.set_value(from_vector<double>({5, 6, 7}, {3}));
  CHECK_FALSE(x.grad().defined());
  CHECK(x.dims() == Dims{3});
}

TEST_CASE("misuse of variables is explained") {
  Variable x = leaf({1, 2}), undefined;
  const Variable y = square(x);
  CHECK_THROWS_WITH(y.backward(), Catch::Contains("only a single number has a gradient without a seed") &&
                                      Catch::Contains("reduce it (sum, mean)"));
  CHECK_THROWS_WITH(y.backward(ones({3}, DType::Float64)),
                    Catch::Contains("seed must have the value's sizes") && Catch::Contains("3 float64"));
  CHECK_THROWS_WITH(y.backward(ones({2})), Catch::Contains("2 float32"));
  CHECK_THROWS_WITH(x.detach().backward(), Catch::Contains("nothing to differentiate") && Catch::Contains("frozen"));
  CHECK_THROWS_WITH(undefined.value(), Catch::Contains("the variable is undefined"));
  CHECK_THROWS_WITH(Variable(Tensor()), Catch::Contains("the tensor is undefined"));
  Variable result = y;
  CHECK_THROWS_WITH(result.set_requires_grad(false), Catch::Contains("computed by square"));
  CHECK_THROWS_WITH(result.set_value(ones({2})), Catch::Contains("no leaf"));
  CHECK_THROWS_WITH(Variable(arange(3), true), Catch::Contains("floating type, not int64"));
  CHECK_THROWS_WITH(x.set_grad(ones({3}, DType::Float64)), Catch::Contains("gradient must have the value's sizes"));
}

}  // namespace fledge::test
