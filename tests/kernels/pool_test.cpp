// Pooling of every CPU table against the reference in double. Inputs are small whole
// numbers, so that windows are full of ties.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/cases_pool.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("max pool forward and backward", "[pool]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 31);
    for (const PoolCase& c : pool_cases()) {
      const Dims y_dims = c.p.output_dims(c.x);
      for (int high : {3, -1}) {  // -1: all negative, where padding with zero would win
        const Operand x = make.ties(c.x, -4, high), dy = make.input(y_dims);
        Operand y = make.output(y_dims), indices = make.output(y_dims, DType::Int32), dx = make.output(c.x);
        Operand plain = make.output(y_dims);
        t.table.pool.max_pool2d(t.ctx, x.fast, y.fast, indices.at(Side::Fast), c.p);
        oracle_table().pool.max_pool2d(t.ctx, x.oracle, y.oracle, indices.at(Side::Oracle), c.p);
        t.table.pool.max_pool2d(t.ctx, x.fast, plain.fast, nullptr, c.p);
        const std::string label = t.label() + " " + c.descriptor();
        CHECK(mismatch(label, y, 1, 0) == "");
        CHECK(mismatch(label + " indices", indices) == "");
        CHECK(mismatch(label + " without indices", plain.fast, y.oracle, 1, 0) == "");

        const Operand at = make.from_oracle(indices);
        t.table.pool.max_pool2d_backward(t.ctx, dy.fast, at.fast, dx.fast, c.p);
        oracle_table().pool.max_pool2d_backward(t.ctx, dy.oracle, at.oracle, dx.oracle, c.p);
        CHECK(mismatch(label + " backward", dx, c.p.kernel_h * c.p.kernel_w) == "");
      }
    }
  });
}

TEST_CASE("max pool: NaN is a maximum, minus infinity is a value", "[pool]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 32);
    for (std::int64_t channels : {3, 16, 37, 45, 70, 85}) {
      const Dims x_dims{1, channels, 7, 7}, y_dims = Pool2dParams{}.output_dims(x_dims);
      Operand x = make.ties(x_dims, -2, 2);
      for (std::int64_t i = 0; i < x_dims.numel(); i += 5) {
        const double v = i % 3 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
        x.fast.set(i, v);
        x.oracle.set(i, v);
      }
      Operand y = make.output(y_dims), indices = make.output(y_dims, DType::Int32);
      t.table.pool.max_pool2d(t.ctx, x.fast, y.fast, indices.at(Side::Fast), {});
      oracle_table().pool.max_pool2d(t.ctx, x.oracle, y.oracle, indices.at(Side::Oracle), {});
      CHECK(mismatch(t.label(), y, 1, 0) == "");
      CHECK(mismatch(t.label() + " indices", indices) == "");
    }
  });
}

TEST_CASE("global average pool forward and backward", "[pool]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 33);
    for (const PoolCase& c : pool_cases()) {
      const Dims flat{c.x[0], c.x[1]};
      const Operand x = make.input(c.x), dy = make.input(flat);
      Operand y = make.output(flat), dx = make.output(c.x);
      t.table.pool.global_avg_pool(t.ctx, x.fast, y.fast);
      oracle_table().pool.global_avg_pool(t.ctx, x.oracle, y.oracle);
      t.table.pool.global_avg_pool_backward(t.ctx, dy.fast, dx.fast);
      oracle_table().pool.global_avg_pool_backward(t.ctx, dy.oracle, dx.oracle);
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.x[2] * c.x[3]) == "");
      CHECK(mismatch(t.label() + " backward " + c.descriptor(), dx) == "");
    }
  });
}
