// The reference convolution against numbers worked out by hand, and its gradients against the identity
// <dy, conv(x,w)> = <grad_input(dy), x> = <grad_weight(dy), w>, which holds exactly because convolution is bilinear.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/kernels/ref/tensors.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

using Values = std::vector<double>;

double inner_product(const HostTensor& a, const HostTensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.view().numel(); ++i) sum += a.get(i) * b.get(i);
  return sum;
}

}  // namespace

TEST_CASE("ref conv2d: the filter is not flipped and padding counts as zero", "[ref][conv]") {
  ExecContext ctx(1);
  const KernelTable& t = oracle_table();
  const HostTensor x({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Conv2dParams pad1{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  HostTensor y = f64({1, 1, 3, 3});

  const HostTensor top_left({1, 1, 3, 3}, {1, 0, 0, 0, 0, 0, 0, 0, 0});
  t.conv.forward(ctx, x, top_left, nullptr, y, pad1);
  CHECK(y.values() == Values{0, 0, 0, 0, 1, 2, 0, 4, 5});

  const HostTensor ones({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1}), bias({1}, {0.5});
  t.conv.forward(ctx, x, ones, &bias.view(), y, pad1);
  CHECK(y.values() == Values{12.5, 21.5, 16.5, 27.5, 45.5, 33.5, 24.5, 39.5, 28.5});

  HostTensor single = f64({1, 1, 1, 1});
  t.conv.forward(ctx, x, x, nullptr, single, {});  // 1+4+9+...+81
  CHECK(single.values() == Values{285});
}

TEST_CASE("ref conv2d: two input channels, two filters, stride 2", "[ref][conv]") {
  ExecContext ctx(1);
  const HostTensor x({1, 2, 2, 3}, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60});
  const HostTensor w({2, 2, 1, 1}, {1, 0.1, -1, 1});
  HostTensor y = f64({1, 2, 1, 2});
  oracle_table().conv.forward(ctx, x, w, nullptr, y, {.stride_h = 2, .stride_w = 2});
  CHECK(y.values() == Values{2, 6, 9, 27});
}

TEST_CASE("ref conv2d: depthwise, padding below and to the right", "[ref][conv]") {
  ExecContext ctx(1);
  const HostTensor x({1, 2, 2, 2}, {1, 2, 3, 4, 10, 20, 30, 40});
  const HostTensor w({2, 1, 2, 2}, {1, 2, 3, 4, 1, 0, 0, 0});
  HostTensor y = f64({1, 2, 2, 2});
  oracle_table().conv.forward(ctx, x, w, nullptr, y, {.pad_bottom = 1, .pad_right = 1, .groups = 2});
  CHECK(y.values() == Values{30, 14, 11, 4, 10, 20, 30, 40});
}

TEST_CASE("ref conv2d fused: bias, then residual, then activation", "[ref][conv]") {
  ExecContext ctx(1);
  const HostTensor x({1, 1, 1, 4}, {-1, 1, 2, 3}), w({1, 1, 1, 1}, {2}), bias({1}, {1});
  const HostTensor residual({1, 1, 1, 4}, {0.5, -5, 0, 4});
  HostTensor y = f64({1, 1, 1, 4});
  ConvEpilogue e{.bias = &bias.view(), .residual = &residual.view(), .activation = Activation::None};
  oracle_table().conv.forward_fused(ctx, x, w, e, y, {});
  CHECK(y.values() == Values{-0.5, -2, 5, 11});
  e.activation = Activation::ReLU;
  oracle_table().conv.forward_fused(ctx, x, w, e, y, {});
  CHECK(y.values() == Values{0, 0, 5, 11});
  e.activation = Activation::ReLU6;
  oracle_table().conv.forward_fused(ctx, x, w, e, y, {});
  CHECK(y.values() == Values{0, 0, 5, 6});
}

TEST_CASE("ref conv2d gradients by hand", "[ref][conv]") {
  ExecContext ctx(1);
  const KernelTable& t = oracle_table();
  const HostTensor x({1, 1, 2, 2}, {1, 2, 3, 4}), w({1, 1, 2, 2}, {10, 20, 30, 40});
  const HostTensor dy({1, 1, 1, 2}, {1, 100});
  const Conv2dParams p{.pad_right = 1};
  HostTensor dx = f64({1, 1, 2, 2}), dw = f64({1, 1, 2, 2}), db = f64({1});
  t.conv.grad_input(ctx, dy, w, dx, p);
  CHECK(dx.values() == Values{10, 20 + 1000, 30, 40 + 3000});
  t.conv.grad_weight(ctx, dy, x, dw, p);
  CHECK(dw.values() == Values{1 + 200, 2, 3 + 400, 4});
  t.conv.grad_bias(ctx, dy, db);
  CHECK(db.values() == Values{101});
}

TEST_CASE("ref conv2d gradients are the adjoints of forward, on every case", "[ref][conv]") {
  ExecContext ctx(1);
  const KernelTable& t = oracle_table();
  Operands make(HostLayout::Contiguous, 7);
  for (const ConvCase& c : conv_cases()) {
    const Operand x = make.input(c.x), w = make.input(c.w), dy = make.input(c.y());
    HostTensor y = f64(c.y()), dx = f64(c.x), dw = f64(c.w);
    t.conv.forward(ctx, x.oracle, w.oracle, nullptr, y, c.params);
    t.conv.grad_input(ctx, dy.oracle, w.oracle, dx, c.params);
    t.conv.grad_weight(ctx, dy.oracle, x.oracle, dw, c.params);
    const double expected = inner_product(dy.oracle, y),
                 scale = std::sqrt(inner_product(y, y) * inner_product(dy.oracle, dy.oracle));
    INFO(c.descriptor());
    CHECK(std::fabs(inner_product(dx, x.oracle) - expected) <= 1e-12 * scale);
    CHECK(std::fabs(inner_product(dw, w.oracle) - expected) <= 1e-12 * scale);
  }
}
