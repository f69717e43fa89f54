// Reference distances against numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/kernels/ref/tensors.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {}  // namespace

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
