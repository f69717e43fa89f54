// Reference reductions, row functions, matrix product and gathers against numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/kernels/ref/tensors.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

HostTensor i64(const Dims& dims) { return HostTensor(dims, DType::Int64); }

Values reduced(ReduceOp op, const HostTensor& x, const Dims& y_dims) {
  ExecContext ctx(1);
  HostTensor y = f64(y_dims);
  oracle_table().reduce.reduce(ctx, op, x, y);
  return y.values();
}

}  // namespace

TEST_CASE("ref reduce over rows, columns, everything, nothing", "[ref][reduce]") {
  const HostTensor x({2, 3}, {1, -2, 3, 4, 5, -6});
  CHECK(reduced(ReduceOp::Sum, x, {2, 1}) == Values{2, 3});
  CHECK(reduced(ReduceOp::Sum, x, {1, 3}) == Values{5, 3, -3});
  CHECK(reduced(ReduceOp::Mean, x, {1, 1}) == Values{5.0 / 6});
  CHECK(reduced(ReduceOp::Max, x, {1, 3}) == Values{4, 5, 3});
  CHECK(reduced(ReduceOp::Min, x, {2, 1}) == Values{-2, -6});
  CHECK(reduced(ReduceOp::Max, x, {2, 3}) == x.values());
  CHECK(reduced(ReduceOp::Sum, HostTensor({0, 2}, DType::Float64), {1, 2}) == Values{0, 0});
  CHECK(reduced(ReduceOp::Max, HostTensor({3}, {-kInf, -5, -kInf}), {1}) == Values{-5});
}

TEST_CASE("ref extreme backward shares the gradient among ties", "[ref][reduce]") {
  ExecContext ctx(1);
  const HostTensor x({2, 3}, {4, 1, 4, 2, 2, 2}), y({2, 1}, {4, 2}), dy({2, 1}, {6, 3});
  HostTensor dx = f64({2, 3});
  oracle_table().reduce.extreme_backward(ctx, dy, x, y, dx);
  CHECK(dx.values() == Values{3, 0, 3, 1, 1, 1});
}

TEST_CASE("ref softmax, log-softmax and log-sum-exp, also for huge values", "[ref][rows]") {
  ExecContext ctx(1);
  const ReduceKernels& k = oracle_table().reduce;
  // e^x in the ratio 1 : 3, shifted by 1000.
  const HostTensor x({2, 2}, {0, std::log(3), 1000, 1000 + std::log(3)});
  HostTensor y = f64({2, 2}), s = f64({2}), dx = f64({2, 2});
  k.softmax(ctx, x, y);
  for (int i = 0; i < 4; ++i) CHECK(y.get(i) == Approx(i % 2 ? 0.75 : 0.25).epsilon(1e-12));
  const HostTensor p({1, 2}, {0.25, 0.75}), dy({1, 2}, {1, 5});
  HostTensor d1 = f64({1, 2});
  k.softmax_backward(ctx, dy, p, d1);  // sum(y*dy) = 4
  CHECK(d1.values() == Values{-0.75, 0.75});

  k.log_softmax(ctx, x, y);
  for (int i = 0; i < 4; ++i) CHECK(y.get(i) == Approx(std::log(i % 2 ? 0.75 : 0.25)).epsilon(1e-12));
  const HostTensor logs({1, 2}, {std::log(0.25), std::log(0.75)});
  k.log_softmax_backward(ctx, dy, logs, d1);  // sum(dy) = 6
  CHECK(d1.get(0) == Approx(1 - 1.5));
  CHECK(d1.get(1) == Approx(5 - 4.5));

  k.log_sum_exp(ctx, x, s);
  CHECK(s.get(0) == Approx(std::log(4)).epsilon(1e-12));
  CHECK(s.get(1) == Approx(1000 + std::log(4)).epsilon(1e-15));
  k.log_sum_exp_backward(ctx, HostTensor({2}, {2, 4}), x, s, dx);
  const Values expected{0.5, 1.5, 1, 3};
  for (int i = 0; i < 4; ++i) CHECK(dx.get(i) == Approx(expected[i]).epsilon(1e-12));

  HostTensor one = f64({1});
  k.log_sum_exp(ctx, HostTensor({1, 2}, {-kInf, -kInf}), one);
  CHECK(one.get(0) == -kInf);
}

TEST_CASE("ref masked row extreme: first of ties, empty rows", "[ref][rows]") {
  ExecContext ctx(1);
  const HostTensor x({3, 4}, {9, 5, 5, 1, 9, 2, 2, 2, 1, 1, 1, 1});
  const HostTensor mask({3, 4}, {0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0}, DType::UInt8);
  HostTensor value = f64({3}), index = i64({3}), dx = f64({3, 4});
  const ReduceKernels& k = oracle_table().reduce;
  k.masked_row_extreme(ctx, true, x, mask, value, index);
  CHECK(value.values() == Values{5, 2, 0});
  CHECK(index.values() == Values{1, 2, -1});
  k.masked_row_extreme(ctx, false, x, mask, value, index);
  CHECK(value.values() == Values{1, 2, 0});
  CHECK(index.values() == Values{3, 2, -1});
  k.masked_row_extreme_backward(ctx, HostTensor({3}, {7, 8, 9}), index, dx);
  CHECK(dx.values() == Values{0, 0, 0, 7, 0, 0, 8, 0, 0, 0, 0, 0});
}

TEST_CASE("ref matmul with every transpose", "[ref][gemm]") {
  ExecContext ctx(1);
  const HostTensor a({2, 3}, {1, 2, 3, 4, 5, 6}), at({3, 2}, {1, 4, 2, 5, 3, 6});
  const HostTensor b({3, 2}, {1, 0, 0, 1, 10, 100}), bt({2, 3}, {1, 0, 10, 0, 1, 100}), bias({2}, {0.5, -1});
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      HostTensor c = f64({2, 2});
      oracle_table().gemm.matmul(ctx, ta ? at : a, tb ? bt : b, &bias.view(), c,
                                 {.transpose_a = ta, .transpose_b = tb});
      CHECK(c.values() == Values{31.5, 301, 64.5, 604});
    }
  HostTensor c({1, 1}, {7});
  oracle_table().gemm.matmul(ctx, f64({1, 0}), f64({0, 1}), nullptr, c, {});
  CHECK(c.get(0) == 0);
}

TEST_CASE("ref gathers and their adjoints", "[ref][gather]") {
  ExecContext ctx(1);
  const GatherKernels& k = oracle_table().gather;
  const HostTensor x({3, 2}, {1, 2, 3, 4, 5, 6});
  const HostTensor column({3}, {1, 0, 1}, DType::Int64), rows({4}, {2, 0, 2, 2}, DType::Int64);
  HostTensor y = f64({3}), dx = f64({3, 2}), picked = f64({4, 2});
  k.take_along_row(ctx, x, column, y);
  CHECK(y.values() == Values{2, 3, 6});
  k.take_along_row_backward(ctx, HostTensor({3}, {7, 8, 9}), column, dx);
  CHECK(dx.values() == Values{0, 7, 8, 0, 0, 9});
  k.index_select(ctx, x, rows, picked);
  CHECK(picked.values() == Values{5, 6, 1, 2, 5, 6, 5, 6});
  k.index_select_backward(ctx, HostTensor({4, 2}, {1, 2, 3, 4, 10, 20, 100, 200}), rows, dx);
  CHECK(dx.values() == Values{3, 4, 0, 0, 111, 222});
}
