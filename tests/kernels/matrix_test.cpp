// Matrix product, gathers, distances and optimiser steps of every CPU table against the reference in double.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("matmul with every transpose, bias, and b as a weight that changes", "[gemm]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 61);
    for (const GemmCase& g : gemm_cases())
      for (int flags = 0; flags < 16; ++flags) {
        const bool ta = flags & 1, tb = flags & 2, with_bias = flags & 4, weight = flags & 8;
        const MatmulParams p{.transpose_a = ta, .transpose_b = tb, .b_is_weight = weight};
        const Operand a = make.input(ta ? Dims{g.k, g.m} : Dims{g.m, g.k}), bias = make.input({g.n});
        Operand b = make.input(tb ? Dims{g.n, g.k} : Dims{g.k, g.n});
        if (weight) b.fast.use_slot();
        for (int round = 0; round < (weight ? 3 : 1); ++round) {
          Operand c = make.output({g.m, g.n});
          t.table.gemm.matmul(t.ctx, a.fast, b.fast, with_bias ? bias.at(Side::Fast) : nullptr, c.fast, p);
          oracle_table().gemm.matmul(t.ctx, a.oracle, b.oracle, with_bias ? bias.at(Side::Oracle) : nullptr, c.oracle,
                                     p);
          CHECK(mismatch(t.label() + " m" + std::to_string(g.m) + "n" + std::to_string(g.n) + "k" +
                             std::to_string(g.k) + " flags " + std::to_string(flags) + " round " +
                             std::to_string(round),
                         c, g.k) == "");
          if (round == 0) continue;  // the second round reads what the first one packed
          const Operand fresh = make.input(b.fast.dims());
          for (HostTensor* h : {&b.fast, &b.oracle}) h->fill_from([&](std::int64_t i) { return fresh.fast.get(i); });
          b.fast.bump_version();
        }
      }
  });
}

TEST_CASE("gathers and their adjoints", "[gather]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 62);
    const GatherKernels &fast = t.table.gather, &slow = oracle_table().gather;
    for (const Dims& dims : matrix_dims()) {
      const std::int64_t picks = dims[0] + 5;
      const Operand x = make.input(dims), dy = make.input({dims[0]}), dy_rows = make.input({picks, dims[1]});
      const Operand column = make.integers({dims[0]}, DType::Int64, 0, static_cast<int>(dims[1]) - 1);
      const Operand row = make.integers({picks}, DType::Int64, 0, static_cast<int>(dims[0]) - 1);
      Operand y = make.output({dims[0]}), dx = make.output(dims), rows = make.output({picks, dims[1]});
      Operand dx_rows = make.output(dims);
      fast.take_along_row(t.ctx, x.fast, column.fast, y.fast);
      slow.take_along_row(t.ctx, x.oracle, column.oracle, y.oracle);
      fast.take_along_row_backward(t.ctx, dy.fast, column.fast, dx.fast);
      slow.take_along_row_backward(t.ctx, dy.oracle, column.oracle, dx.oracle);
      fast.index_select(t.ctx, x.fast, row.fast, rows.fast);
      slow.index_select(t.ctx, x.oracle, row.oracle, rows.oracle);
      fast.index_select_backward(t.ctx, dy_rows.fast, row.fast, dx_rows.fast);
      slow.index_select_backward(t.ctx, dy_rows.oracle, row.oracle, dx_rows.oracle);
      const std::string label = t.label() + " " + to_string(dims);
      CHECK(mismatch(label + " take_along_row", y, 1, 0) == "");
      CHECK(mismatch(label + " take_along_row_backward", dx, 1, 0) == "");
      CHECK(mismatch(label + " index_select", rows, 1, 0) == "");
      CHECK(mismatch(label + " index_select_backward", dx_rows, picks) == "");
    }
  });
}

TEST_CASE("l2 normalize, with a zero row", "[distance]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 63);
    const double eps = 1e-3;
    for (const Dims& dims : matrix_dims()) {
      Operand x = make.input(dims);
      for (std::int64_t c = 0; c < dims[1] && dims[0] > 1; ++c) x.fast.set(c, 0), x.oracle.set(c, 0);
      const Operand dy = make.input(dims);
      Operand y = make.output(dims), norm = make.output({dims[0]}), dx = make.output(dims);
      t.table.distance.l2_normalize(t.ctx, x.fast, y.fast, norm.fast, eps);
      oracle_table().distance.l2_normalize(t.ctx, x.oracle, y.oracle, norm.oracle, eps);
      const std::string label = t.label() + " " + to_string(dims);
      CHECK(mismatch(label + " y", y, dims[1]) == "");
      CHECK(mismatch(label + " norm", norm, dims[1]) == "");
      const Operand y_in = make.from_oracle(y), norm_in = make.from_oracle(norm);
      t.table.distance.l2_normalize_backward(t.ctx, dy.fast, y_in.fast, norm_in.fast, dx.fast, eps);
      oracle_table().distance.l2_normalize_backward(t.ctx, dy.oracle, y_in.oracle, norm_in.oracle, dx.oracle, eps);
      // One column alone: dx is a difference of equal numbers, rounding over the norm and nothing else.
      if (dims[1] > 1) CHECK(mismatch(label + " dx", dx, dims[1]) == "");
    }
  });
}

TEST_CASE("pairwise distance of one matrix: symmetric, zero diagonal, duplicates without gradient", "[distance]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 64);
    for (const Dims& dims : matrix_dims())
      for (bool squared : {false, true}) {
        const std::int64_t n = dims[0];
        const PairwiseDistanceParams p{.squared = squared};
        Operand a = make.ties(dims, -3, 3);  // whole numbers: products are exact, so duplicates are exactly 0 apart
        if (n > 2)                           // the last row repeats the first
          for (HostTensor* h : {&a.fast, &a.oracle})
            for (std::int64_t c = 0; c < dims[1]; ++c) h->set((n - 1) * dims[1] + c, h->get(c));
        const Operand dd = make.input({n, n});
        Operand d = make.output({n, n}), da = make.output(dims);
        t.table.distance.pairwise_distance(t.ctx, a.fast, a.fast, d.fast, p);
        oracle_table().distance.pairwise_distance(t.ctx, a.oracle, a.oracle, d.oracle, p);
        const std::string label = t.label() + " " + to_string(dims) + (squared ? " squared" : "");
        CHECK(mismatch(label, d, dims[1]) == "");
        for (std::int64_t i = 0; i < n; ++i) CHECK(d.fast.get(i * n + i) == 0);
        const Operand d_in = make.from_oracle(d);
        t.table.distance.pairwise_distance_backward(t.ctx, dd.fast, a.fast, a.fast, d_in.fast, da.at(Side::Fast),
                                                    nullptr, true, p);
        oracle_table().distance.pairwise_distance_backward(t.ctx, dd.oracle, a.oracle, a.oracle, d_in.oracle,
                                                           da.at(Side::Oracle), nullptr, true, p);
        CHECK(mismatch(label + " backward", da, 4 * n) == "");
      }
  });
}

TEST_CASE("pairwise distance of two matrices, gradients of both or one", "[distance]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 65);
    for (const Dims& dims : matrix_dims())
      for (bool squared : {false, true})
        for (bool with_db : {true, false}) {
          const Dims other{dims[0] / 2 + 3, dims[1]}, out{dims[0], other[0]};
          const PairwiseDistanceParams p{.squared = squared};
          // Apart by a unit along every axis at least, so that no distance is small beside the rows' own lengths.
          const Operand a = make.input(dims, -1, 0), b = make.input(other, 1, 2), dd = make.input(out);
          Operand d = make.output(out), da = make.output(dims), db = make.output(other);
          t.table.distance.pairwise_distance(t.ctx, a.fast, b.fast, d.fast, p);
          oracle_table().distance.pairwise_distance(t.ctx, a.oracle, b.oracle, d.oracle, p);
          const Operand d_in = make.from_oracle(d);
          t.table.distance.pairwise_distance_backward(t.ctx, dd.fast, a.fast, b.fast, d_in.fast, da.at(Side::Fast),
                                                      with_db ? db.at(Side::Fast) : nullptr, false, p);
          oracle_table().distance.pairwise_distance_backward(t.ctx, dd.oracle, a.oracle, b.oracle, d_in.oracle,
                                                             da.at(Side::Oracle),
                                                             with_db ? db.at(Side::Oracle) : nullptr, false, p);
          const std::string label = t.label() + " " + to_string(dims) + (squared ? " squared" : "");
          CHECK(mismatch(label, d, dims[1]) == "");
          CHECK(mismatch(label + " da", da, 4 * other[0]) == "");
          CHECK(mismatch(label + " db", db, 4 * dims[0]) == "");
        }
  });
}
