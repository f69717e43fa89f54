// Elementwise, reductions and row functions, products, indexed reads, distances and optimisers by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/optim.h"
#include "tensor/ops/reduce.h"
#include "tests/tensor/counting.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using test::counting;
using test::error_of;
using Doubles = std::vector<double>;

namespace {

Tensor values(const Doubles& v, const Dims& dims, DType t = DType::Float32) {
  return from_vector<double>(v, dims).to(t);
}
Tensor row(const Doubles& v, DType t = DType::Float32) { return values(v, {static_cast<std::int64_t>(v.size())}, t); }

void check_values(const Tensor& t, const Doubles& wanted, double tolerance = 1e-6) {
  const Doubles got = t.to_vector<double>();
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(std::abs(got[i] - wanted[i]) <= tolerance * (1 + std::abs(wanted[i])));
}

}  // namespace

TEST_CASE("unary functions and their gradients", "[ops][eltwise]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = row({-2, 0, 1, 7}, t);
    check_values(relu(x), {0, 0, 1, 7});
    check_values(relu6(x), {0, 0, 1, 6});
    check_values(exp(x), {std::exp(-2), 1, std::exp(1), std::exp(7)});
    check_values(log(row({1, 4}, t)), {0, std::log(4)});
    check_values(sqrt(row({0, 9}, t)), {0, 3});
    check_values(square(x), {4, 0, 1, 49});
    check_values(abs(x), {2, 0, 1, 7});
    check_values(clamp(x, -1, 3), {-1, 0, 1, 3});
    check_values(affine(x, 2, 1), {-3, 1, 3, 15});
    check_values(softplus(row({0, 800}, t)), {std::log(2), 800});
    const Tensor dy = row({1, 2, 3, 4}, t);
    check_values(unary_backward(UnaryOp::ReLU, dy, x, relu(x)), {0, 0, 3, 4});
    check_values(unary_backward(UnaryOp::ReLU6, dy, x, relu6(x)), {0, 0, 3, 0});
    check_values(unary_backward(UnaryOp::Square, dy, x, square(x)), {-4, 0, 6, 56});
    check_values(unary_backward(UnaryOp::Clamp, dy, x, clamp(x, -1, 3), {-1, 3}), {0, 2, 3, 0});
    check_values(unary_backward(UnaryOp::Sqrt, row({1, 1}, t), row({0, 4}, t), row({0, 2}, t)), {0, 0.25});
  }
  CHECK(error_of([] { relu(arange(3)); }) ==
        "[relu] not implemented by 'cpu' for int64; available: float32, float64; convert with to(dtype)");
}

TEST_CASE("unary keeps a dense layout and takes any other", "[ops][eltwise]") {
  const Tensor x = counting({2, 3, 2, 2}), cl = x.contiguous(Layout::ChannelsLast);
  CHECK(square(cl).is_channels_last());
  CHECK(square(cl).to_vector<double>() == square(x).to_vector<double>());
  const Tensor dx = unary_backward(UnaryOp::Square, x, cl, square(x));
  CHECK(dx.is_channels_last());
  check_values(dx, affine(square(x), 2, 0).to_vector<double>());
  check_values(relu(counting({2, 3}).transpose(0, 1)), {0, 3, 1, 4, 2, 5});
  check_values(relu(counting({2, 4}).slice(1, 1, 2)), {1, 2, 5, 6});
  CHECK(relu(zeros({0, 3})).numel() == 0);
}

TEST_CASE("arithmetic broadcasts", "[ops][eltwise]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor a = counting({2, 3}, t), b = row({1, 2, 4}, t), column = values({10, 20}, {2, 1}, t);
    check_values(add(a, b), {1, 3, 6, 4, 6, 9});
    check_values(sub(b, a), {1, 1, 2, -2, -2, -1});
    check_values(mul(a, column), {0, 10, 20, 60, 80, 100});
    check_values(div(a, b), {0, 0.5, 0.5, 3, 2, 1.25});
    check_values(add(b, column), {11, 12, 14, 21, 22, 24});
    check_values(mul(a, scalar(2, t)), {0, 2, 4, 6, 8, 10});
  }
  CHECK(broadcast_dims({4, 1, 3}, {5, 1}, "add") == Dims{4, 5, 3});
  CHECK(broadcast_dims({0, 3}, {1, 3}, "add") == Dims{0, 3});
  CHECK(error_of([] {
          add(zeros({2, 3}), zeros({2}));
        }) == "[add] sizes do not broadcast: 2x3 with 2; aligned at the last axis, sizes must be equal or 1");
  CHECK(error_of([] { mul(zeros({2}), zeros({2}, DType::Float64)); }).find("[mul] dtypes of left operand and") == 0);
}

TEST_CASE("arithmetic of images: channels-last wins, values do not depend on it", "[ops][eltwise]") {
  const Tensor x = counting({2, 3, 2, 2}), xc = x.contiguous(Layout::ChannelsLast);
  const Tensor channel = values({1, 2, 3}, {3, 1, 1}), gate = values({1, 2, 3, 4, 5, 6}, {2, 3, 1, 1});
  for (const Tensor* other : {&x, &xc, &channel, &gate}) {
    const Tensor wanted = mul(x, *other);
    CHECK(mul(xc, *other).is_channels_last());
    CHECK(mul(*other, xc).is_channels_last());
    CHECK(mul(xc, *other).to_vector<double>() == wanted.to_vector<double>());
    CHECK(mul(*other, xc).to_vector<double>() == wanted.to_vector<double>());
  }
  CHECK_FALSE(mul(x, gate).is_channels_last());
  check_values(mul(x, channel).slice(0, 1, 1), {12, 13, 14, 15, 32, 34, 36, 38, 60, 63, 66, 69});
}

TEST_CASE("add_ writes in place, sum_to undoes broadcasting", "[ops][eltwise]") {
  const Tensor a = counting({2, 2}), view = a.reshape({4});
  add_(a, ones({2, 2}));
  check_values(view, {1, 2, 3, 4});
  CHECK(view.version() > 0);
  add_(a, counting({2, 2}).transpose(0, 1));
  check_values(a, {1, 4, 4, 7});
  CHECK(error_of([&] { add_(a, ones({2})); }).find("[add_] right operand must be 2x2") == 0);
  CHECK(error_of([&] { add_(ones({1}).expand({2}), ones({2})); }).find("repeated") != std::string::npos);
  const Tensor t = counting({2, 3, 2});
  CHECK(sum_to(t, t.dims()).shares_storage_with(t));
  check_values(sum_to(t, {3, 2}), {6, 8, 10, 12, 14, 16});
  check_values(sum_to(t, {3, 1}), {14, 22, 30});
  check_values(sum_to(t, {2, 1, 1}), {15, 51});
  check_values(sum_to(t, {}), {66});
  CHECK(sum_to(t, {}).rank() == 0);
  CHECK(error_of([&] { sum_to(t, {2, 2}); }).find("2x2 does not broadcast to 2x3x2") != std::string::npos);
}

TEST_CASE("reductions over any axes", "[ops][reduce]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = counting({2, 3, 2, 2}, t);
    for (const Tensor& v : {x, x.contiguous(Layout::ChannelsLast)}) {
      check_values(sum(v), {276});
      CHECK(sum(v).rank() == 0);
      check_values(sum(v, {0, 2, 3}), {60, 92, 124});
      check_values(mean(v, {-1, 1}), {4.5, 6.5, 16.5, 18.5});
      check_values(max(v, {2, 3}), {3, 7, 11, 15, 19, 23});
      check_values(min(v, {0}), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
      CHECK(min(v, {0}).dims() == Dims{3, 2, 2});
      CHECK(mean(v, {1}, true).dims() == Dims{2, 1, 2, 2});
      check_values(mean(v, {1}, true), {4, 5, 6, 7, 16, 17, 18, 19});
    }
    const Tensor ties = values({1, 5, 5, 2}, {2, 2}, t);
    const Tensor y = max(ties, {0, 1}, true);
    check_values(reduce_extreme_backward(full({1, 1}, 3, t), ties, y), {0, 1.5, 1.5, 0});
  }
  CHECK(reduced_dims({2, 3, 4}, {-1}) == Dims{2, 3, 1});
  check_values(sum(zeros({0, 2}), {0}), {0, 0});
  check_values(sum(counting({3, 2}).transpose(0, 1), {1}), {6, 9});
  CHECK(error_of([] { sum(zeros({2, 2}), {2}); }) == "[sum] no axis 2 in 2x2");
  CHECK(error_of([] { sum(zeros({2, 2}), {1, -1}); }) == "[sum] axis -1 is given twice");
  CHECK(error_of([] { mean(zeros({0, 2}), {0}); }) == "[mean] nothing to reduce: input 0x2 float32 contiguous cpu");
}

TEST_CASE("a reduction over axes of size 1 copies", "[ops][reduce]") {
  const Tensor x = counting({1, 3, 1, 2});
  for (const ReduceOp op : {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min}) {
    const Tensor y = reduce(op, x, {0, 2}, false);
    CHECK(y.dims() == Dims{3, 2});
    CHECK(y.to_vector<float>() == x.to_vector<float>());
    CHECK_FALSE(y.shares_storage_with(x));
  }
}

TEST_CASE("row functions", "[ops][reduce]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const double l3 = std::log(3.0);
    const Tensor x = values({0, l3, 1000, 1000 + l3}, {2, 2}, t);
    const double tolerance = 5e-5;  // 1000 + log 3 in float
    check_values(softmax(x), {0.25, 0.75, 0.25, 0.75}, tolerance);
    check_values(log_softmax(x), {-std::log(4), l3 - std::log(4), -std::log(4), l3 - std::log(4)}, tolerance);
    check_values(log_sum_exp(x), {std::log(4), 1000 + std::log(4)});
    const Tensor dy = values({4, 0, 0, 4}, {2, 2}, t);
    check_values(softmax_backward(dy, softmax(x)), {0.75, -0.75, -0.75, 0.75}, tolerance);
    check_values(log_softmax_backward(dy, log_softmax(x)), {3, -3, -1, 1}, 2e-4);
    check_values(log_sum_exp_backward(row({4, 8}, t), x, log_sum_exp(x)), {1, 3, 2, 6}, 2e-4);
    const Tensor turned = values({0, 1000, l3, 1000 + l3}, {2, 2}, t).transpose(0, 1);
    CHECK(softmax(turned).to_vector<double>() == softmax(x).to_vector<double>());
    const Tensor m = values({5, 1, 9, 2, 8, 8}, {2, 3}, t);
    const Tensor mask = from_vector<std::uint8_t>({1, 1, 0, 0, 0, 0}, {2, 3});
    const MaskedExtreme top = masked_row_extreme(m, mask, true), low = masked_row_extreme(m, mask, false);
    check_values(top.value, {5, 0});
    CHECK(top.index.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, -1});
    CHECK(low.index.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, -1});
    check_values(masked_row_extreme_backward(row({3, 4}, t), low.index, 3), {0, 3, 0, 0, 0, 0});
  }
  CHECK(error_of([] { softmax(zeros({3})); }) ==
        "[softmax] input must have 2 axes: input 3 float32 contiguous cpu; reshape it to rows and columns");
  CHECK(error_of([] {
          masked_row_extreme(zeros({2, 2}), zeros({2, 2}), true);
        }).find("mask must be uint8") != std::string::npos);
}

TEST_CASE("products, transposed in every way", "[ops][gemm]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor a = counting({2, 3}, t), b = counting({3, 2}, t);
    const Tensor at = a.transpose(0, 1), bt = b.transpose(0, 1);  // views
    const Tensor ac = at.clone(), bc = bt.clone();                // the same in memory of their own
    const Doubles ab{10, 13, 28, 40};
    check_values(matmul(a, b), ab);
    for (const Tensor& left : {at, ac}) {
      check_values(matmul(left, b, true, false), ab);
      for (const Tensor& right : {bt, bc}) check_values(matmul(left, right, true, true), ab);
    }
    for (const Tensor& right : {bt, bc}) check_values(matmul(a, right, false, true), ab);
    check_values(matmul(at, bt), {3, 9, 15, 4, 14, 24, 5, 19, 33});
    check_values(matmul(counting({2, 4}, t).slice(1, 1, 3), b), {16, 22, 40, 58});
    const Tensor w = counting({2, 3}, t);
    check_values(linear(a, w, {}), {5, 14, 14, 50});
    check_values(linear(a, w, row({1, -1}, t)), {6, 13, 15, 49});
    CHECK(matmul(zeros({0, 3}, t), b).dims() == Dims{0, 2});
    check_values(matmul(zeros({2, 0}, t), zeros({0, 2}, t)), {0, 0, 0, 0});
    check_values(linear(zeros({2, 0}, t), zeros({2, 0}, t), row({1, 2}, t)), {1, 2, 1, 2});
  }
  CHECK(error_of([] {
          matmul(zeros({2, 3}), zeros({2, 3}));
        }) ==
        "[matmul] inner sizes differ: left operand 2x3, right operand 2x3; transpose_a and transpose_b turn an operand "
        "round");
  CHECK(error_of([] {
          linear(zeros({2, 3}), zeros({5, 4}), {});
        }) == "[linear] input has 3 features but weight expects 4: input 2x3, weight 5x4; weight is outputs x inputs");
}

TEST_CASE("indexed reads", "[ops][gather]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = counting({3, 2}, t), index = from_vector<std::int64_t>({1, 0, 1}, {3});
    check_values(take_along_row(x, index), {1, 2, 5});
    check_values(take_along_row_backward(row({7, 8, 9}, t), index, 2), {0, 7, 8, 0, 0, 9});
    check_values(index_select(x, index), {2, 3, 0, 1, 2, 3});
    check_values(index_select_backward(counting({3, 2}, t), index, 3), {2, 3, 4, 6, 0, 0});
    check_values(index_select(x, from_vector<std::int64_t>({2, 9, 0, 9}, {2, 2}).slice(1, 0, 1).reshape({2})),
                 {4, 5, 0, 1});
  }
  CHECK(error_of([] {
          index_select(zeros({3, 2}), from_vector<std::int64_t>({0, 3}, {2}));
        }) == "[index_select] index[1] = 3 is not in [0, 3)");
  CHECK(error_of([] {
          take_along_row(zeros({2, 2}), from_vector<std::int64_t>({0, -1}, {2}));
        }) == "[take_along_row] index[1] = -1 is not in [0, 2)");
  CHECK(error_of([] { index_select(zeros({3, 2}), zeros({2})); }).find("index must be int64") != std::string::npos);
}

TEST_CASE("concat joins along any axis", "[ops][gather]") {
  const Tensor a = counting({1, 2}), b = affine(counting({2, 2}), 1, 10);
  check_values(concat({a, b}, 0), {0, 1, 10, 11, 12, 13});
  check_values(concat({b, b.slice(1, 0, 1)}, -1), {10, 11, 10, 12, 13, 12});
  CHECK(concat({arange(2), arange(1)}, 0).to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1, 0});
  CHECK(concat({zeros({1, 2, 3, 3}, DType::Float32, Layout::ChannelsLast), ones({1, 1, 3, 3})}, 1).is_channels_last());
  CHECK(error_of([&] {
          concat({a, b}, 1);
        }) ==
        "[concat] parts must agree in all sizes but axis 1: 1x2 float32 contiguous cpu, 2x2 float32 contiguous cpu");
  CHECK(error_of([] { concat({}, 0); }) == "[concat] there is nothing to join");
}

TEST_CASE("rows of length one, distances between rows", "[ops][distance]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const L2NormalizeResult n = l2_normalize(values({3, 4, 0, 0}, {2, 2}, t), 1e-3);
    check_values(n.y, {0.6, 0.8, 0, 0});
    check_values(n.norm, {5, 1e-3});
    check_values(l2_normalize_backward(values({5, 0, 1, 2}, {2, 2}, t), n, 1e-3), {0.64, -0.48, 1000, 2000});
    const Tensor a = values({0, 0, 3, 4}, {2, 2}, t), b = values({0, 0, 3, 4, 6, 8}, {3, 2}, t);
    check_values(pairwise_distance(a, b), {1e-6, 5, 10, 5, 1e-6, 5}, 1e-5);
    check_values(pairwise_distance(a, b, {.squared = true}), {0, 25, 100, 25, 0, 25}, 1e-5);
    const Tensor d = pairwise_distance(a, a.reshape({2, 2}));
    CHECK(d.to_vector<double>() == Doubles{0, 5, 5, 0});
    const PairwiseDistanceGradients g = pairwise_distance_backward(ones({2, 2}, t), a, a, d, true, true, {});
    check_values(g.da, {-1.2, -1.6, 1.2, 1.6});
    CHECK_FALSE(g.db.defined());
    const Tensor ab = pairwise_distance(a, b);
    const PairwiseDistanceGradients both = pairwise_distance_backward(ones({2, 3}, t), a, b, ab, true, true, {});
    check_values(both.da, {-1.2, -1.6, 0, 0}, 1e-5);
    check_values(both.db, {-0.6, -0.8, 0.6, 0.8, 1.2, 1.6}, 1e-5);
    const PairwiseDistanceGradients right = pairwise_distance_backward(ones({2, 3}, t), a, b, ab, false, true, {});
    CHECK_FALSE(right.da.defined());
    check_values(right.db, both.db.to_vector<double>());
  }
  CHECK(error_of([] {
          pairwise_distance(zeros({2, 3}), zeros({2, 4}));
        }).find("the same number of coordinates") != std::string::npos);
}

TEST_CASE("optimiser steps write in place, whatever the gradient's layout", "[ops][optim]") {
  const Tensor w = row({1, 2}), grad = row({0.5, -1}), momentum = zeros({2});
  const Tensor lr = full({1}, 0.1, DType::Float64), norm = scalar(1, DType::Float64);
  const StepTensor one{.w = w, .grad = grad, .moments = {momentum}};
  sgd_step({one}, {.momentum = 0.9}, {lr, norm});
  check_values(w, {0.95, 2.1});
  check_values(momentum, {0.5, -1});
  sgd_step({one}, {.momentum = 0.9}, {lr, norm});
  check_values(w, {0.855, 2.29});
  CHECK(w.version() >= 2);
  sgd_step({{.w = w, .grad = grad, .moments = {}, .lr_scale = 10, .weight_decay = 1}}, {.momentum = 0}, {lr, norm});
  check_values(w, {-0.5, 1});
  const Tensor cl = zeros({1, 2, 2, 2}, DType::Float32, Layout::ChannelsLast), m = zeros_like(cl), v = zeros_like(cl);
  const Tensor g = values({1, -2, 3, -4, 5, -6, 7, -8}, {1, 2, 2, 2});
  const Tensor first = from_vector<double>({0.1, 1 - 0.9, std::sqrt(1 - 0.999)}, {3});
  adam_step({{cl, g, {m, v}}}, {.eps = 0}, {first, norm});
  check_values(cl, {-0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1});
  check_values(m, affine(g, 0.1, 0).to_vector<double>());
  CHECK(grad_norm({g}).item() == Approx(std::sqrt(204)));
  CHECK(grad_norm({g.slice(1, 0, 1), g.slice(1, 1, 1)}).item() == Approx(std::sqrt(204)));
  CHECK(error_of([&] {
          adam_step({{cl, g, {zeros({1, 2, 2, 2}), v}}}, {}, {first, norm});
        }) ==
        "[adam_step] first moment must have the weight's layout: weight 1x2x2x2 float32 channels-last cpu, first "
        "moment 1x2x2x2 float32 contiguous cpu; make it with zeros_like(weight)");
  CHECK(error_of([&] { sgd_step({{w, grad, {}}}, {}, {lr, norm}); }) == "[sgd_step] 0 moments where there are 1");
  CHECK(error_of([&] { sgd_step({one}, {}, {first, norm}); }).find("rates") != std::string::npos);
  CHECK(error_of([&] { sgd_step({one}, {}, {lr, scalar(1)}); }).find("norm") != std::string::npos);
}
