// The engine: order, sharing of gradients, release of memory, depth, and the messages of misuse.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/engine.h"
#include "autograd/node.h"
#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"
#include "tests/autograd/leaf.h"

namespace fledge::test {
namespace {

// Identity that hands dy itself to all of its inputs, as a residual add does, and calls back.
class PassNode : public Node {
 public:
  explicit PassNode(std::function<void(const Tensor&)> seen = nullptr, Tensor kept = {})
      : seen_(std::move(seen)), kept_(std::move(kept)) {}
  const char* name() const override { return "pass"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    if (seen_) seen_(dy);
    return std::vector<Tensor>(needs.size(), dy);
  }
  void release() override { kept_.release(); }

 private:
  std::function<void(const Tensor&)> seen_;
  Saved kept_;
};

Variable pass(const Variable& x, std::function<void(const Tensor&)> seen = nullptr, Tensor kept = {}) {
  return attach(x.value(), std::make_shared<PassNode>(std::move(seen), std::move(kept)), {x});
}

}  // namespace

TEST_CASE("diamonds: a node runs once, with the sum of all its gradients") {
  const Variable x = leaf({1, 2});
  int runs = 0;
  const Variable shared = pass(square(x), [&](const Tensor& dy) {
    ++runs;
    CHECK(dy.to_vector<double>() == Values{3 + 1 + 4, 3 + 1 + 4});  // deep, direct and middle paths
  });
  const Variable deep = affine(affine(affine(shared, 3, 0), 1, 1), 1, 0);
  const Variable middle = affine(shared, 4, 0);
  sum(deep + shared + middle).backward();
  CHECK(runs == 1);
  CHECK(grad_of(x) == Values{16, 32});
}

TEST_CASE("a ladder of diamonds costs one run a node, not two to the power of its height") {
  Variable y = leaf({1});
  const Variable x = y;
  int runs = 0;
  for (int i = 0; i < 200; ++i) {
    y = pass(y, [&](const Tensor&) { ++runs; });
    y = 0.5 * y + 0.5 * y;
  }
  sum(y).backward();
  CHECK(runs == 200);
  CHECK(grad_of(x) == Values{1});
}

TEST_CASE("a residual add hands one gradient to both branches without mixing them") {
  const Variable x = leaf({1, 2, 3}), w = leaf({2, 3, 4});
  // Both branches get the same dy; the skip connection then adds to its own copy
  // of it, before the other branch has read it.
  const Variable skip = x + 0.0, branch = w + 0.0;
  const Variable more = skip + 0.0;
  const Variable y = skip + branch;
  sum(y + 10 * more).backward();
  CHECK(grad_of(w) == Values{1, 1, 1});
  CHECK(grad_of(x) == Values{11, 11, 11});
  CHECK_FALSE(x.grad().shares_storage_with(w.grad()));
}

TEST_CASE("three residual blocks equal the written-out derivative") {
  const Variable x = leaf({0.3, -0.7}), w = leaf({1.5, 0.4});
  Variable h = x;
  for (int block = 0; block < 3; ++block) h = h + w * h;
  sum(h).backward();  // h = x (1 + w)^3
  const Values xs{0.3, -0.7}, ws{1.5, 0.4};
  for (int i : {0, 1}) {
    CHECK(grad_of(x)[i] == Approx(std::pow(1 + ws[i], 3)).epsilon(1e-14));
    CHECK(grad_of(w)[i] == Approx(3 * xs[i] * std::pow(1 + ws[i], 2)).epsilon(1e-14));
  }
}

TEST_CASE("leaves that received the same gradient own separate memory") {
  const Variable a = leaf({1, 2}), b = leaf({3, 4});
  sum(a + b).backward();
  a.grad().fill(0);
  CHECK(grad_of(b) == Values{1, 1});
}

TEST_CASE("a leaf gradient is dense in the layout of its value") {
  const Variable x(normal({2, 3, 2, 2}, 1, Layout::ChannelsLast), true), m(normal({3, 2}, 2), true);
  sum(x).backward();
  CHECK(x.grad().is_channels_last());
  transpose(m, 0, 1).backward(normal({2, 3}, 3));
  CHECK(m.grad().is_contiguous());
}

TEST_CASE("a second backward says what to do") {
  const Variable x = leaf({1, 2});
  const Variable y = square(x);
  const Variable first = sum(y), second = mean(y);
  first.backward();
  CHECK_THROWS_WITH(first.backward(),
                    Catch::Equals("[sum] backward has already run through this node and its saved tensors are "
                                  "released; run the forward pass again, or add the losses and call "
                                  "backward() once"));
  CHECK_THROWS_WITH(second.backward(), Catch::Contains("[square] backward has already run"));
}

TEST_CASE("writing into a saved tensor is noticed and named") {
  const Variable x(normal({1, 2, 4, 4}, 1), true), w(normal({3, 2, 3, 3}, 2), true);
  const Variable y = sum(conv2d(x, w, {}, {}));
  const auto before = w.value().version();
  w.value().fill(1);
  CHECK_THROWS_WITH(y.backward(), Catch::Equals("[conv2d] saved weight was modified after forward (version " +
                                                std::to_string(before) + ", now " + std::to_string(before + 1) +
                                                "); call optimizer.step() after backward()"));
  const Variable a = leaf({1, 2});
  const Variable b = exp(a);
  b.value().fill(3);
  CHECK_THROWS_WITH(sum(b).backward(), Catch::Contains("[exp] saved output was modified"));
}

TEST_CASE("a first convolution keeps and computes nothing for its constant input") {
  const Variable x(normal({1, 2, 4, 4}, 1)), w(normal({3, 2, 3, 3}, 2), true);
  const Variable y = conv2d(x, w, {}, {});
  CHECK_FALSE(y.creator()->inputs[0].defined());
  CHECK(x.value().use_count() == 2);  // for the weights' gradient
  CHECK(w.value().use_count() == 1);  // only read for the input's gradient: not saved, and may be written
  w.value().fill(1);
  sum(y).backward();
  CHECK(w.grad().defined());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a leaf frozen after forward gets nothing") {
  Variable x = leaf({1, 2}), w = leaf({3, 4});
  const Variable y = sum(x * w);
  w.set_requires_grad(false);
  y.backward();
  CHECK(grad_of(x) == Values{3, 4});
  CHECK_FALSE(w.grad().defined());
}

TEST_CASE("the graph keeps only what nodes saved, and backward lets go of it node by node") {
  const Variable x = leaf({1, 2});
  const Tensor low_saved = zeros({2}), high_saved = zeros({2});
  long low_owners = 0, high_owners = 0;
  Variable low = pass(
      x,
      [&](const Tensor&) {
        low_owners = low_saved.use_count();
        high_owners = high_saved.use_count();
      },
      low_saved);
  Variable between = affine(low, 2, 0);
  const Tensor value = between.value();
  Variable high = pass(affine(between, 2, 0), nullptr, high_saved);
  between = {};
  CHECK(value.use_count() == 1);  // affine saves nothing
  CHECK(high_saved.use_count() == 2);
  sum(high).backward();
  CHECK(low_owners == 2);
  CHECK(high_owners == 1);  // gone while the older node runs
  CHECK(high.creator()->inputs.empty());
}

TEST_CASE("a passed-through gradient has one owner when it arrives") {
  const Variable x = leaf({1, 2});
  long owners = 0;
  sum(pass(pass(square(x)), [&](const Tensor& dy) { owners = dy.use_count(); })).backward();
  CHECK(owners == 1);
}

TEST_CASE("a gradient that only one leaf receives is moved in, not copied") {
  const Variable x = leaf({1, 2});
  const void* memory = nullptr;
  const Variable y = pass(pass(x, [&](const Tensor& dy) { memory = dy.raw(); }));
  sum(3 * y).backward();
  CHECK(x.grad().raw() == memory);
}

TEST_CASE("a node that returns a wrong gradient is caught") {
  class WrongNode : public Node {
   public:
    explicit WrongNode(Tensor grad) : grad_(std::move(grad)) {}
    const char* name() const override { return "wrong"; }
    std::vector<Tensor> backward(const Tensor&, const Needs&) override { return {grad_}; }
    void release() override {}

   private:
    Tensor grad_;
  };
  const Variable x = leaf({1, 2});
  for (const Tensor& grad : {ones({3}, DType::Float64), ones({2}), Tensor()}) {
    const Variable y = attach(scalar(1, DType::Float64), std::make_shared<WrongNode>(grad), {square(x)});
    CHECK_THROWS_WITH(y.backward(), Catch::Contains("[wrong] backward must return 2 float64 for input 0, it returned"));
  }
}

TEST_CASE("a chain of a million nodes is differentiated and destroyed without recursion") {
  const int length = 1000000;
  const auto chain = [length](Variable y) {
    for (int i = 0; i < length; ++i) y = pass(y);
    return y;
  };
  const Variable x = leaf({3});
  { const Variable dropped = chain(x); }
  const Variable y = chain(x);
  y.backward();
  CHECK(grad_of(x) == Values{1});
}

TEST_CASE("a long chain with skip connections is destroyed without recursion") {
  const Variable x = leaf({1});
  Variable y = pass(x), before = x;
  for (int i = 0; i < 200000; ++i) {
    const Variable next = attach(y.value(), std::make_shared<PassNode>(), {y, before});
    before = y;
    y = next;
  }
  y = {};
  before = {};
  CHECK(x.impl().use_count() == 1);
}

TEST_CASE("gradients are described for the debug print") {
  CHECK(describe_gradient("conv2d", from_vector<double>({-0.25, 0.5, 0, 0}, {2, 2})) ==
        "conv2d 2x2 min -0.25 max 0.5 finite");
  CHECK_THAT(describe_gradient("log", from_vector<double>({1, INFINITY}, {2})), Catch::Contains("max inf NOT FINITE"));
  CHECK(describe_gradient("sum", zeros({0})) == "sum 0 empty");
}

}  // namespace fledge::test
