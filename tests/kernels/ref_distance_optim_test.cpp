// Reference distances and optimiser steps against numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

HostTensor f64(const Dims& dims) { return HostTensor(dims, DType::Float64); }

}  // namespace

TEST_CASE("ref l2 normalize, and a zero row", "[ref][distance]") {
  ExecContext ctx(1);
  const DistanceKernels& k = oracle_table().distance;
  const HostTensor x({2, 2}, {3, 4, 0, 0});
  HostTensor y = f64({2, 2}), norm = f64({2}), dx = f64({2, 2});
  k.l2_normalize(ctx, x, y, norm, 0.5);
  CHECK(norm.values() == Values{5, 0.5});
  CHECK(y.values() == Values{0.6, 0.8, 0, 0});
  k.l2_normalize_backward(ctx, HostTensor({2, 2}, {1, 2, 1, 2}), y, norm, dx, 0.5);
  CHECK(dx.get(0) == Approx((1 - 0.6 * 2.2) / 5));
  CHECK(dx.get(1) == Approx((2 - 0.8 * 2.2) / 5));
  CHECK(dx.get(2) == 2);
  CHECK(dx.get(3) == 4);
}

TEST_CASE("ref pairwise distance of one matrix: zero diagonal, clamped duplicates", "[ref][distance]") {
  ExecContext ctx(1);
  const DistanceKernels& k = oracle_table().distance;
  const HostTensor a({3, 2}, {0, 0, 3, 4, 0, 0});
  HostTensor d = f64({3, 3}), da = f64({3, 2});
  k.pairwise_distance(ctx, a, a, d, {});
  CHECK(d.values() == Values{0, 5, 1e-6, 5, 0, 5, 1e-6, 5, 0});
  const HostTensor dd({3, 3}, {100, 1, 100, 2, 100, 0, 100, 4, 100});
  k.pairwise_distance_backward(ctx, dd, a, a, d, &da.view(), nullptr, true, {});
  // Row 0 and row 1 share weight 1+2, row 1 and row 2 share 0+4; unit vector
  // (0.6, 0.8). Duplicates and diagonal: nothing.
  const Values expected{-1.8, -2.4, 4.2, 5.6, -2.4, -3.2};
  for (int i = 0; i < 6; ++i) CHECK(da.get(i) == Approx(expected[i]).epsilon(1e-14));

  k.pairwise_distance(ctx, a, a, d, {.squared = false, .clamp = 1e-12, .zero_diagonal = false});
  CHECK(d.values() == Values{1e-6, 5, 1e-6, 5, 1e-6, 5, 1e-6, 5, 1e-6});
}

TEST_CASE("ref pairwise distance of two matrices, squared and not", "[ref][distance]") {
  ExecContext ctx(1);
  const DistanceKernels& k = oracle_table().distance;
  const HostTensor a({1, 2}, {1, 1}), b({2, 2}, {4, 5, 1, 1}), dd({1, 2}, {10, 1});
  HostTensor d = f64({1, 2}), da = f64({1, 2}), db = f64({2, 2});
  k.pairwise_distance(ctx, a, b, d, {});
  CHECK(d.values() == Values{5, 1e-6});
  k.pairwise_distance_backward(ctx, dd, a, b, d, &da.view(), &db.view(), false, {});
  CHECK(da.values() == Values{-6, -8});
  CHECK(db.values() == Values{6, 8, 0, 0});

  const PairwiseDistanceParams squared{.squared = true};
  k.pairwise_distance(ctx, a, b, d, squared);
  CHECK(d.values() == Values{25, 0});
  k.pairwise_distance_backward(ctx, dd, a, b, d, &da.view(), nullptr, false, squared);
  CHECK(da.values() == Values{-60, -80});
}

TEST_CASE("ref sgd: plain, momentum, Nesterov, weight decay, dampening", "[ref][optim]") {
  ExecContext ctx(1);
  const OptimKernels& k = oracle_table().optim;
  const HostTensor g({1}, {2});
  HostTensor w({1}, {10});
  k.sgd_step(ctx, w, g, nullptr, {.lr = 0.5, .momentum = 0, .weight_decay = 0.25});  // g = 2 + 2.5
  CHECK(w.get(0) == 10 - 0.5 * 4.5);

  HostTensor v({1}, {123});
  w.set(0, 10);
  SgdParams p{.lr = 0.5, .momentum = 0.5, .dampening = 0.25, .first_step = true};
  k.sgd_step(ctx, w, g, &v.view(), p);  // the old buffer is ignored, dampening too
  CHECK(v.get(0) == 2);
  CHECK(w.get(0) == 9);
  p.first_step = false;
  k.sgd_step(ctx, w, g, &v.view(), p);
  CHECK(v.get(0) == 0.5 * 2 + 0.75 * 2);
  CHECK(w.get(0) == 9 - 0.5 * 2.5);

  v.set(0, 4);
  w.set(0, 0);
  k.sgd_step(ctx, w, g, &v.view(), {.lr = 1, .momentum = 0.5, .nesterov = true});  // v = 4, step 2 + 2
  CHECK(v.get(0) == 4);
  CHECK(w.get(0) == -4);
}

TEST_CASE("ref adam: first and second step, decay, legacy eps", "[ref][optim]") {
  ExecContext ctx(1);
  const OptimKernels& k = oracle_table().optim;
  const HostTensor g({1}, {2});
  HostTensor w({1}, {1}), m({1}, {0}), v({1}, {0});
  AdamParams p{.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.5, .step = 1};
  k.adam_step(ctx, w, g, m, v, p);  // m = 1, v = 1; corrected 2 and 4
  CHECK(m.get(0) == 1);
  CHECK(v.get(0) == 1);
  CHECK(w.get(0) == Approx(1 - 0.1 * 2 / (2 + 0.5)).epsilon(1e-14));

  w.set(0, 1);
  p.step = 2;
  k.adam_step(ctx, w, g, m, v, p);  // m = 1.5 / 0.75, v = 1.75 / 0.4375
  CHECK(w.get(0) == Approx(1 - 0.1 * 2 / (2 + 0.5)).epsilon(1e-14));

  p = {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.5, .weight_decay = 1, .decoupled = true, .step = 1};
  w.set(0, 1), m.set(0, 0), v.set(0, 0);
  k.adam_step(ctx, w, g, m, v, p);
  CHECK(w.get(0) == Approx(0.9 - 0.1 * 2 / 2.5).epsilon(1e-14));

  p.decoupled = false;  // g = 3: m = 1.5, v = 2.25; corrected 3 and 9
  w.set(0, 1), m.set(0, 0), v.set(0, 0);
  k.adam_step(ctx, w, g, m, v, p);
  CHECK(w.get(0) == Approx(1 - 0.1 * 3 / 3.5).epsilon(1e-14));

  p.legacy_eps = true, p.weight_decay = 0;  // lr * sqrt(0.25) / 0.5 * 1 / (1 + 0.5)
  w.set(0, 1), m.set(0, 0), v.set(0, 0);
  k.adam_step(ctx, w, g, m, v, p);
  CHECK(w.get(0) == Approx(1 - 0.1 / 1.5).epsilon(1e-14));
}

TEST_CASE("ref sum of squares", "[ref][optim]") {
  ExecContext ctx(1);
  CHECK(oracle_table().optim.sum_of_squares(ctx, HostTensor({2, 2}, {1, -2, 3, 4})) == 30);
}
