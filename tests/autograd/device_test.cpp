// Gradients across devices and in mixed precision: conversions and copies hand them back, every operation gives on a
// device what it gives on the CPU.
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "autograd/node.h"
#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"
#include "tests/support/gpu.h"

namespace fledge::test {
namespace {

Tensor rounded(const Tensor& x) { return x.to(DType::BFloat16).to(DType::Float32); }

/// Leaves of the values in another dtype, on another device.
Leaves leaves_of(const std::vector<Tensor>& values, DType dtype, Device device) {
  Leaves leaves;
  for (const Tensor& t : values) leaves.emplace_back(t.to(dtype).to(device), true);
  return leaves;
}

}  // namespace

TEST_CASE("a cast to bfloat16 rounds the value, and its gradient on the way back", "[device]") {
  const Variable x(normal({3, 5}, 1).to(DType::Float32), true);
  const Variable y = cast(x, DType::BFloat16);
  CHECK(y.value().dtype() == DType::BFloat16);
  sum(square(cast(y, DType::Float32))).backward();
  CHECK(x.grad().dtype() == DType::Float32);
  CHECK(x.grad().to_vector<float>() == affine(Variable(rounded(x.value())), 2, 0).value().to_vector<float>());
}

TEST_CASE("a copy to the device where the value is, is the value", "[device]") {
  const Variable x(normal({3}, 1), true);
  CHECK(to_device(x, Device{}).impl() == x.impl());
}

TEST_CASE("a copy to a device hands its gradient back", "[device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const Layout layout : {Layout::Contiguous, Layout::ChannelsLast}) {
    const Variable x(normal({2, 3, 4, 5}, 1, layout).to(DType::Float32), true);
    const Variable there = to_device(x, *device);
    CHECK(there.value().device() == *device);
    CHECK(there.value().strides() == x.value().strides());
    CHECK(there.creator()->name() == std::string("to_device"));
    // A strided gradient arrives: that of a transposed product.
    const Variable back = to_device(square(transpose(there, 1, 3)), Device{});
    CHECK(back.value().device() == Device{});
    const Tensor cotangent = normal({2, 5, 4, 3}, 2).to(DType::Float32);
    back.backward(cotangent);
    CHECK(x.grad().device() == Device{});
    const Variable plain(x.value(), true);
    square(transpose(plain, 1, 3)).backward(cotangent);
    CHECK(x.grad().to_vector<float>() == plain.grad().to_vector<float>());
  }
  NoGradGuard no_grad;
  CHECK_FALSE(to_device(Variable(normal({3}, 1).to(DType::Float32), true), *device).creator());
}

TEST_CASE("every operation gives the CPU's value and gradient on a device", "[device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const GradCase& c : all_cases()) {
    if (c.op == "dropout" || c.op == "cast") continue;  // masks are drawn on the CPU; casts are of float64
    INFO(c.op << " " << c.what);
    const Leaves here = leaves_of(c.inputs, DType::Float32, Device{}),
                 there = leaves_of(c.inputs, DType::Float32, *device);
    const Variable y = c.f(here), yd = c.f(there);
    CHECK(yd.value().device() == *device);
    CHECK(relative_difference(yd.value(), y.value()) < 1e-5);
    const Tensor cotangent = normal(y.dims(), 5).to(DType::Float32);
    y.backward(cotangent);
    yd.backward(cotangent.to(*device));
    for (std::size_t i = 0; i < here.size(); ++i) {
      INFO("input " << i);
      CHECK(there[i].grad().device() == *device);
      CHECK(relative_difference(there[i].grad(), here[i].grad()) < 2e-5);
    }
  }
}

TEST_CASE("a leaf that moves to a device drops its gradient", "[device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  Variable w(normal({3}, 1).to(DType::Float32), true);
  sum(square(w)).backward();
  CHECK_THROWS_WITH(w.set_grad(w.grad().to(*device)), Catch::Contains("on its device"));
  w.set_value(w.value().to(*device));
  CHECK_FALSE(w.grad().defined());
  sum(square(w)).backward();
  CHECK(w.grad().device() == *device);
}

// Activations bfloat16, weights, statistics and everything after pooling float32.
TEST_CASE("mixed precision: dtypes of values and gradients, and how near they come to float32", "[device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  const std::vector<Tensor> inputs{normal({4, 6, 9, 8}, 1, Layout::ChannelsLast),
                                   normal({8, 6, 3, 3}, 2, Layout::ChannelsLast), normal({8}, 3),
                                   uniform({8}, 4, 0.5, 1.5), normal({8}, 5)};
  const Conv2dParams padded{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  const auto f = [&](const Leaves& v, DType activations) {
    const Variable x = cast(v[0], activations);
    const Variable h = conv2d(x, v[1], v[2], padded);
    CHECK(h.value().dtype() == activations);
    // h is read twice: its gradient is a sum in its own dtype.
    const Variable y = batch_norm(h, v[3], v[4], h, {}, {}, true, {.activation = Activation::ReLU});
    CHECK(y.value().dtype() == activations);
    const Variable pooled = global_avg_pool(max_pool2d(y, {}));
    CHECK(pooled.value().dtype() == DType::Float32);
    return pooled;
  };
  const Leaves exact = leaves_of(inputs, DType::Float32, Device{}), mixed = leaves_of(inputs, DType::Float32, *device);
  const Variable y = f(exact, DType::Float32), ym = f(mixed, DType::BFloat16);
  CHECK(relative_difference(ym.value(), y.value()) < 0.02);
  const Tensor cotangent = normal(y.dims(), 6).to(DType::Float32);
  y.backward(cotangent);
  ym.backward(cotangent.to(*device));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    INFO("input " << i);
    CHECK(mixed[i].grad().dtype() == DType::Float32);
    CHECK(cosine_similarity(mixed[i].grad(), exact[i].grad()) > 0.99);
  }
}

}  // namespace fledge::test
