// A depthwise-separable block in training: as one node between its convolutions, it gives what a node for each gives.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/node.h"
#include "autograd/recompute.h"
#include "nn/layers/conv_norm_act.h"
#include "tensor/creation.h"
#include "tensor/ops/norm.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

/// With layers of its own, drawn from the same seed.
struct Block : Module {
  explicit Block(std::int64_t in, std::int64_t out, int stride, Generator g = Generator::of({17}))
      : depthwise(child<Conv2d>("0", conv_options(in, in, 3, stride, 1, static_cast<int>(in)), g)),
        bn1(child<BatchNorm2d>("1", in)),
        pointwise(child<Conv2d>("3", conv_options(in, out, 1, 1, 0), g)),
        bn2(child<BatchNorm2d>("4", out)) {}

  Variable as_one(const Variable& x) const {
    return separable_conv_norm_act({*depthwise, *bn1}, {*pointwise, *bn2}, Activation::ReLU, x);
  }
  Variable one_by_one(const Variable& x) const {
    return conv_norm_act(*pointwise, *bn2, Activation::ReLU, conv_norm_act(*depthwise, *bn1, Activation::ReLU, x));
  }

  std::shared_ptr<Conv2d> depthwise;
  std::shared_ptr<BatchNorm2d> bn1;
  std::shared_ptr<Conv2d> pointwise;
  std::shared_ptr<BatchNorm2d> bn2;
};

double apart(const Tensor& a, const Tensor& b) {
  REQUIRE(a.dims() == b.dims());
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double most = 0, size = 1e-6;
  for (std::size_t i = 0; i < x.size(); ++i) {
    most = std::max(most, std::abs(x[i] - y[i]));
    size = std::max(size, std::abs(y[i]));
  }
  return most / size;
}

std::string creator_of(const Variable& y) { return y.creator() ? y.creator()->inputs[0].creator()->name() : ""; }

}  // namespace

TEST_CASE("separable block in training: one node between the convolutions, the same numbers", "[layers][separable]") {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const int stride : {1, 2})
      for (const bool checkpoint : {false, true}) {
        Block a(16, 24, stride), b(16, 24, stride);
        a.to(dtype), b.to(dtype);
        Generator g = Generator::of({18});
        const Tensor x = rand_normal({4, 16, 12, 12}, g).to(dtype).contiguous(Layout::ChannelsLast);
        const Variable xa(x, true), xb(x.clone(), true);
        const Variable ya = checkpoint ? recomputed([&](Variable v) { return a.as_one(v); }, xa) : a.as_one(xa);
        const Variable yb = b.one_by_one(xb);
        if (!checkpoint) {
          CHECK(creator_of(ya) == "batch_norm_pointwise");
          CHECK(creator_of(yb) == "conv2d");
        }
        const double most = dtype == DType::Float32 ? 1e-5 : 1e-12;
        CHECK(apart(ya.value(), yb.value()) < most);
        const Tensor dy = rand_normal(ya.dims(), g).to(dtype);
        ya.backward(dy), yb.backward(dy);
        CHECK(apart(xa.grad(), xb.grad()) < 10 * most);
        const auto pa = a.named_parameters(), pb = b.named_parameters();
        for (std::size_t i = 0; i < pa.size(); ++i) {
          INFO(pa[i].first);
          CHECK(apart(pa[i].second.grad(), pb[i].second.grad()) < 10 * most);
        }
        const auto ba = a.named_buffers(), bb = b.named_buffers();  // counted once, also where it is computed again
        for (std::size_t i = 0; i < ba.size(); ++i) CHECK(apart(ba[i].second, bb[i].second) < most);
      }
}

TEST_CASE("separable block in training: what is frozen gets no gradient, the rest the same", "[layers][separable]") {
  for (const int frozen : {0, 1, 2}) {
    Block a(8, 8, 1), b(8, 8, 1);
    for (Block* block : {&a, &b}) {
      if (frozen == 0) block->pointwise->set_requires_grad(false);
      if (frozen == 1) block->depthwise->set_requires_grad(false), block->bn1->set_requires_grad(false);
      if (frozen == 2) block->bn1->freeze_statistics(true);
    }
    Generator g = Generator::of({19});
    const Variable x(rand_normal({3, 8, 9, 7}, g).contiguous(Layout::ChannelsLast));
    const Variable ya = a.as_one(x), yb = b.one_by_one(x);
    CHECK(apart(ya.value(), yb.value()) < 1e-5);
    const Tensor dy = rand_normal(ya.dims(), g);
    ya.backward(dy), yb.backward(dy);
    const auto pa = a.named_parameters(), pb = b.named_parameters();
    for (std::size_t i = 0; i < pa.size(); ++i) {
      INFO(frozen << " " << pa[i].first);
      REQUIRE(pa[i].second.grad().defined() == pb[i].second.grad().defined());
      if (pa[i].second.grad().defined()) CHECK(apart(pa[i].second.grad(), pb[i].second.grad()) < 1e-4);
    }
  }
}

TEST_CASE("separable block in training: weights changed between forward and backward are found",
          "[layers][separable]") {
  Block a(8, 8, 1);
  Generator g = Generator::of({20});
  const Variable y = a.as_one(Variable(rand_normal({2, 8, 6, 6}, g).contiguous(Layout::ChannelsLast)));
  a.bn1->weight().value().fill(2);
  CHECK_THROWS_WITH(y.backward(full(y.dims(), 1)), Catch::Contains("saved gamma was modified"));
}
