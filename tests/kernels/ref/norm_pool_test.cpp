// Reference batch normalisation and pooling against numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/kernels/ref/tensors.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

// One channel holding 1, 3, 5, 7: mean 4, biased variance 5, unbiased 20/3. With eps 4 the deviation is exactly 3.
struct OneChannel {
  HostTensor x{{2, 1, 1, 2}, {1, 3, 5, 7}};
  HostTensor gamma{{1}, {6}}, beta{{1}, {2}};
  BatchNormParams p{.eps = 4, .momentum = 0.25, .activation = Activation::None};
};

}  // namespace

TEST_CASE("ref batch norm: training statistics and running averages", "[ref][norm]") {
  ExecContext ctx(1);
  OneChannel c;
  HostTensor y = f64({2, 1, 1, 2}), mean = f64({1}), invstd = f64({1});
  HostTensor running_mean({1}, {8}), running_var({1}, {1});
  oracle_table().norm.batch_norm_train(ctx, c.x, c.gamma, c.beta, nullptr, y, mean, invstd, &running_mean.view(),
                                       &running_var.view(), c.p);
  CHECK(mean.get(0) == 4);
  CHECK(invstd.get(0) == Approx(1.0 / 3).epsilon(1e-15));
  CHECK(running_mean.get(0) == 0.75 * 8 + 0.25 * 4);
  CHECK(running_var.get(0) == Approx(0.75 + 0.25 * 20 / 3).epsilon(1e-15));
  const Values expected{-4, 0, 4, 8};
  for (int i = 0; i < 4; ++i) CHECK(y.get(i) == Approx(expected[i]).margin(1e-14));

  const HostTensor residual({2, 1, 1, 2}, {1, 0.5, -1, 0});
  c.p.activation = Activation::ReLU6;
  oracle_table().norm.batch_norm_train(ctx, c.x, c.gamma, c.beta, &residual.view(), y, mean, invstd, nullptr, nullptr,
                                       c.p);
  const Values clipped{0, 0.5, 3, 6};
  for (int i = 0; i < 4; ++i) CHECK(y.get(i) == Approx(clipped[i]).margin(1e-14));
}

TEST_CASE("ref batch norm: evaluation uses the given statistics", "[ref][norm]") {
  ExecContext ctx(1);
  const OneChannel c;
  const HostTensor mean({1}, {1}), var({1}, {5});
  HostTensor y = f64({2, 1, 1, 2});
  oracle_table().norm.batch_norm_eval(ctx, c.x, c.gamma, c.beta, mean, var, nullptr, y, c.p);
  const Values expected{2, 6, 10, 14};
  for (int i = 0; i < 4; ++i) CHECK(y.get(i) == Approx(expected[i]).margin(1e-14));
}

TEST_CASE("ref batch norm: gradients by hand", "[ref][norm]") {
  ExecContext ctx(1);
  const OneChannel c;
  const HostTensor mean({1}, {4}), invstd({1}, {0.5}), y({2, 1, 1, 2}, {0, 1, 2, 3}), dy({2, 1, 1, 2}, {1, 2, 3, -2});
  HostTensor dx = f64({2, 1, 1, 2}), dgamma = f64({1}), dbeta = f64({1}), dresidual = f64({2, 1, 1, 2});
  const BatchNormBackwardArgs args{dy, c.x, y, c.gamma, mean, invstd};
  const BatchNormGrads grads{&dx.view(), &dgamma.view(), &dbeta.view(), &dresidual.view()};
  BatchNormParams p = c.p;
  // xhat = -1.5, -0.5, 0.5, 1.5
  oracle_table().norm.batch_norm_backward(ctx, args, grads, false, p);
  CHECK(dbeta.get(0) == 4);
  CHECK(dgamma.get(0) == -1.5 - 1 + 1.5 - 3);
  CHECK(dx.values() == Values{3, 6, 9, -6});
  CHECK(dresidual.values() == dy.values());
  // With batch statistics: gamma*invstd*(dz - 1 + xhat), as dbeta/m = 1 and dgamma/m = -1.
  oracle_table().norm.batch_norm_backward(ctx, args, grads, true, p);
  CHECK(dx.values() == Values{-4.5, 1.5, 7.5, -4.5});
  // y = 0 in the first element stops its gradient.
  p.activation = Activation::ReLU;
  oracle_table().norm.batch_norm_backward(ctx, args, grads, false, p);
  CHECK(dresidual.values() == Values{0, 2, 3, -2});
  CHECK(dbeta.get(0) == 3);
}

TEST_CASE("ref batch norm: a single value per channel stays finite", "[ref][norm]") {
  ExecContext ctx(1);
  const HostTensor x({1, 1, 1, 1}, {3}), gamma({1}, {1}), beta({1}, {0.5});
  HostTensor y = f64({1, 1, 1, 1}), mean = f64({1}), invstd = f64({1}), rm({1}, {0}), rv({1}, {1});
  oracle_table().norm.batch_norm_train(ctx, x, gamma, beta, nullptr, y, mean, invstd, &rm.view(), &rv.view(), {});
  CHECK(y.get(0) == 0.5);
  CHECK(rv.get(0) == Approx(0.9));
}

TEST_CASE("ref max pool: padding is minus infinity, indices are h*W + w", "[ref][pool]") {
  ExecContext ctx(1);
  const HostTensor x({1, 1, 3, 3}, {-9, -8, -7, -6, -5, -4, -3, -2, -1});
  HostTensor y = f64({1, 1, 2, 2}), indices({1, 1, 2, 2}, DType::Int32);
  oracle_table().pool.max_pool2d(ctx, x, y, &indices.view(), {});
  CHECK(y.values() == Values{-5, -4, -2, -1});
  CHECK(indices.values() == Values{4, 5, 7, 8});

  const HostTensor dy({1, 1, 2, 2}, {1, 2, 3, 4});
  HostTensor dx = f64({1, 1, 3, 3});
  oracle_table().pool.max_pool2d_backward(ctx, dy, indices, dx, {});
  CHECK(dx.values() == Values{0, 0, 0, 0, 1, 2, 0, 3, 4});
}

TEST_CASE("ref max pool: the first of equal maxima, NaN above all, overlapping windows add up", "[ref][pool]") {
  ExecContext ctx(1);
  const Pool2dParams p{.kernel_h = 1,
                       .kernel_w = 2,
                       .stride_h = 1,
                       .stride_w = 1,
                       .pad_top = 0,
                       .pad_left = 0,
                       .pad_bottom = 0,
                       .pad_right = 0};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const HostTensor x({1, 1, 1, 6}, {2, 2, 1, nan, 5, 5});
  HostTensor y = f64({1, 1, 1, 5}), indices({1, 1, 1, 5}, DType::Int32);
  oracle_table().pool.max_pool2d(ctx, x, y, &indices.view(), p);
  CHECK(indices.values() == Values{0, 1, 3, 3, 4});
  CHECK(std::isnan(y.get(3)));
  HostTensor dx = f64({1, 1, 1, 6});
  oracle_table().pool.max_pool2d_backward(ctx, HostTensor({1, 1, 1, 5}, {1, 2, 3, 4, 5}), indices, dx, p);
  CHECK(dx.values() == Values{1, 2, 0, 7, 5, 0});
}

TEST_CASE("ref global average pool", "[ref][pool]") {
  ExecContext ctx(1);
  const HostTensor x({1, 2, 1, 2}, {1, 2, 10, 30});
  HostTensor y = f64({1, 2}), dx = f64({1, 2, 1, 2});
  oracle_table().pool.global_avg_pool(ctx, x, y);
  CHECK(y.values() == Values{1.5, 20});
  oracle_table().pool.global_avg_pool_backward(ctx, HostTensor({1, 2}, {4, 6}), dx);
  CHECK(dx.values() == Values{2, 2, 3, 3});
}
