// The mixed-precision tables against the reference in double, on inputs rounded
// to bfloat16: pooling and elementwise work.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/cases_pool.h"
#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {}  // namespace

TEST_CASE("bf16 max pool: values and positions exactly", "[pool][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 85);
    for (const PoolCase& c : pool_cases()) {
      const Dims y_dims = c.p.output_dims(c.x);
      for (int high : {3, -1}) {
        Operand x = make.ties(c.x, -4, high, kNarrow);
        const Operand dy = make.input(y_dims, -1, 1, kNarrow);
        if (high == 3)
          for (HostTensor* h : {&x.fast, &x.oracle}) h->set(0, std::numeric_limits<double>::quiet_NaN());
        Operand y = make.output(y_dims, kNarrow), plain = make.output(y_dims, kNarrow);
        Operand indices = make.output(y_dims, DType::Int32), dx = make.output(c.x, kNarrow);
        t.table.pool.max_pool2d(t.ctx, x.fast, y.fast, indices.at(Side::Fast), c.p);
        t.table.pool.max_pool2d(t.ctx, x.fast, plain.fast, nullptr, c.p);
        oracle_table().pool.max_pool2d(t.ctx, x.oracle, y.oracle, indices.at(Side::Oracle), c.p);
        const std::string label = t.label() + " " + c.descriptor();
        CHECK(mismatch(label, y, 1, 0) == "");
        CHECK(mismatch(label + " without indices", plain.fast, y.oracle, 1, 0) == "");
        CHECK(mismatch(label + " indices", indices) == "");
        const Operand at = make.from_oracle(indices);
        t.table.pool.max_pool2d_backward(t.ctx, dy.fast, at.fast, dx.fast, c.p);
        oracle_table().pool.max_pool2d_backward(t.ctx, dy.oracle, at.oracle, dx.oracle, c.p);
        CHECK(narrow_mismatch(label + " backward", dx) == "");
      }
    }
  });
}

TEST_CASE("bf16 global average pool: features are float32", "[pool][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 86);
    for (const PoolCase& c : pool_cases()) {
      const Dims flat{c.x[0], c.x[1]};
      const Operand x = make.input(c.x, -1, 1, kNarrow), dy = make.input(flat);
      Operand y = make.output(flat), dx = make.output(c.x, kNarrow);
      t.table.pool.global_avg_pool(t.ctx, x.fast, y.fast);
      oracle_table().pool.global_avg_pool(t.ctx, x.oracle, y.oracle);
      t.table.pool.global_avg_pool_backward(t.ctx, dy.fast, dx.fast);
      oracle_table().pool.global_avg_pool_backward(t.ctx, dy.oracle, dx.oracle);
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.x[2] * c.x[3]) == "");
      CHECK(narrow_mismatch(t.label() + " backward " + c.descriptor(), dx) == "");
    }
  });
}

TEST_CASE("bf16 unary functions and their gradients", "[eltwise][bf16]") {
  struct Case {
    UnaryOp op;
    double low, high;
    UnaryParams p = {};
  };
  const Case cases[] = {{UnaryOp::ReLU, -2, 2},       {UnaryOp::ReLU6, -3, 9},
                        {UnaryOp::Exp, -3, 3},        {UnaryOp::Log, 0.1, 50},
                        {UnaryOp::Sqrt, 0.01, 50},    {UnaryOp::Square, -5, 5},
                        {UnaryOp::Abs, -5, 5},        {UnaryOp::Clamp, -3, 3, {.a = -0.75, .b = 1.5}},
                        {UnaryOp::Softplus, -30, 30}, {UnaryOp::Affine, -3, 3, {.a = -1.25, .b = 2.5}}};
  for_each_bf16_table([&](const TableUnderTest& t) {
    Operands make(t, 87);
    for (const Case& c : cases)
      for (const Dims& dims : elementwise_dims()) {
        const Operand x = make.input(dims, c.low, c.high, kNarrow), dy = make.input(dims, -1, 1, kNarrow);
        Operand y = make.output(dims, kNarrow), dx = make.output(dims, kNarrow);
        t.table.eltwise.unary(t.ctx, c.op, x.fast, y.fast, c.p);
        oracle_table().eltwise.unary(t.ctx, c.op, x.oracle, y.oracle, c.p);
        const std::string label = t.label() + " op " + std::to_string(static_cast<int>(c.op)) + " " + to_string(dims);
        CHECK(narrow_mismatch(label, y) == "");
        const Operand y_in = make.from_oracle(y, kNarrow);
        t.table.eltwise.unary_backward(t.ctx, c.op, dy.fast, x.fast, y_in.fast, dx.fast, c.p);
        oracle_table().eltwise.unary_backward(t.ctx, c.op, dy.oracle, x.oracle, y_in.oracle, dx.oracle, c.p);
        CHECK(narrow_mismatch(label + " backward", dx) == "");
      }
  });
}

TEST_CASE("bf16 binary functions, broadcast and in place", "[eltwise][bf16]") {
  struct Shapes {
    Dims a, b, y;
  };
  const Shapes shapes[] = {{{33}, {33}, {33}},
                           {{70000}, {70000}, {70000}},
                           {{17}, {1}, {17}},
                           {{5, 13}, {1, 13}, {5, 13}},
                           {{2, 16, 3, 5}, {2, 16, 3, 5}, {2, 16, 3, 5}},
                           {{2, 17, 3, 5}, {1, 17, 1, 1}, {2, 17, 3, 5}},
                           {{2, 7, 1, 1}, {1, 1, 3, 5}, {2, 7, 3, 5}}};
  for_each_bf16_table([&](const TableUnderTest& t) {
    Operands make(t, 88);
    for (const Shapes& shape : shapes)
      for (BinaryOp op : {BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div}) {
        const Operand a = make.input(shape.a, 0.5, 2, kNarrow), b = make.input(shape.b, 0.5, 2, kNarrow);
        Operand y = make.output(shape.y, kNarrow);
        t.table.eltwise.binary(t.ctx, op, expanded(a, Side::Fast, shape.y), expanded(b, Side::Fast, shape.y), y.fast);
        oracle_table().eltwise.binary(t.ctx, op, expanded(a, Side::Oracle, shape.y), expanded(b, Side::Oracle, shape.y),
                                      y.oracle);
        const std::string label = t.label() + " op " + std::to_string(static_cast<int>(op)) + " " + to_string(shape.a) +
                                  " with " + to_string(shape.b);
        CHECK(narrow_mismatch(label, y) == "");
        if (!(shape.a == shape.y)) continue;
        const HostTensor in_place = a.fast.as(kNarrow, t.layout);
        t.table.eltwise.binary(t.ctx, op, in_place, expanded(b, Side::Fast, shape.y), in_place);
        CHECK(mismatch(label + " in place", in_place, y.oracle, 1, kBFloat16Tolerance) == "");
      }
  });
}

TEST_CASE("bf16 table: copies and fills of every dtype", "[eltwise][bf16]") {
  const DType all[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8};
  for_each_bf16_table([&](const TableUnderTest& t) {
    Operands make(t, 89);
    const Dims dims{2, 17, 5, 4};
    for (DType from : all)
      for (DType to : all) {
        const Operand x = make.input(dims, 0, 255, from);
        HostTensor got = t.tensor(dims, to, t.layout), expected(dims, to);
        t.table.eltwise.copy(t.ctx, x.fast, got);
        oracle_table().eltwise.copy(t.ctx, x.oracle, expected);
        CHECK(mismatch(t.label() + " copy " + name_of(from) + " to " + name_of(to), got, expected, 1, 0) == "");
      }
    for (DType to : all) {
      HostTensor got = t.tensor(dims, to, t.layout), expected(dims, to);
      t.table.eltwise.fill(t.ctx, got, 2.5);
      oracle_table().eltwise.fill(t.ctx, expected, 2.5);
      CHECK(mismatch(t.label() + " fill " + name_of(to), got, expected, 1, 0) == "");
    }
  });
}
