// Reductions and row-wise functions of every CPU table against the reference in double.
#include <catch2/catch.hpp>

#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const ReduceOp kOps[] = {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min};

}  // namespace

TEST_CASE("reduce over every subset of axes", "[reduce]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 51);
    for (const Dims& dims : {Dims{1}, Dims{100}, Dims{70001}, Dims{5, 13}, Dims{300, 33}, Dims{3, 4, 17},
                             Dims{2, 16, 5, 3}, Dims{3, 7, 4, 4}})
      for (const Dims& y_dims : reduced_dims(dims))
        for (ReduceOp op : kOps) {
          const Operand x = make.input(dims, -1, 2);
          Operand y = make.output(y_dims);
          t.table.reduce.reduce(t.ctx, op, x.fast, y.fast);
          oracle_table().reduce.reduce(t.ctx, op, x.oracle, y.oracle);
          CHECK(mismatch(t.label() + " op " + std::to_string(static_cast<int>(op)) + " " + to_string(dims) + " to " +
                             to_string(y_dims),
                         y, dims.numel() / y_dims.numel()) == "");
        }
  });
}

TEST_CASE("extreme backward shares among ties", "[reduce]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 52);
    for (const Dims& dims : {Dims{100}, Dims{5, 13}, Dims{3, 4, 17}, Dims{2, 16, 5, 3}})
      for (const Dims& y_dims : reduced_dims(dims))
        for (ReduceOp op : {ReduceOp::Max, ReduceOp::Min}) {
          const Operand x = make.ties(dims, -2, 2), dy = make.input(y_dims);
          Operand y0 = make.output(y_dims), dx = make.output(dims);
          oracle_table().reduce.reduce(t.ctx, op, x.oracle, y0.oracle);
          const Operand y = make.from_oracle(y0);
          t.table.reduce.extreme_backward(t.ctx, dy.fast, x.fast, y.fast, dx.fast);
          oracle_table().reduce.extreme_backward(t.ctx, dy.oracle, x.oracle, y.oracle, dx.oracle);
          CHECK(mismatch(t.label() + " " + to_string(dims) + " to " + to_string(y_dims), dx) == "");
        }
  });
}

TEST_CASE("softmax, log-softmax, log-sum-exp and their gradients", "[rows]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 53);
    const ReduceKernels &fast = t.table.reduce, &slow = oracle_table().reduce;
    for (const Dims& dims : matrix_dims())
      for (double offset : {0.0, 500.0}) {
        const Dims rows{dims[0]};
        // Eighths, so that the offset costs no digit of x.
        Operand x = make.ties(dims, -40, 40);
        for (HostTensor* h : {&x.fast, &x.oracle}) h->fill_from([&](std::int64_t i) { return offset + h->get(i) / 8; });
        const Operand dy = make.input(dims), dy_rows = make.input(rows);
        Operand y = make.output(dims), log_y = make.output(dims), sum = make.output(rows);
        fast.softmax(t.ctx, x.fast, y.fast);
        slow.softmax(t.ctx, x.oracle, y.oracle);
        fast.log_softmax(t.ctx, x.fast, log_y.fast);
        slow.log_softmax(t.ctx, x.oracle, log_y.oracle);
        fast.log_sum_exp(t.ctx, x.fast, sum.fast);
        slow.log_sum_exp(t.ctx, x.oracle, sum.oracle);
        const std::string label = t.label() + " " + to_string(dims) + " offset " + std::to_string(offset);
        CHECK(mismatch(label + " softmax", y, dims[1]) == "");
        CHECK(mismatch(label + " log_softmax", log_y, dims[1]) == "");
        CHECK(mismatch(label + " log_sum_exp", sum, dims[1]) == "");

        const Operand p = make.from_oracle(y), log_p = make.from_oracle(log_y), s = make.from_oracle(sum);
        Operand d1 = make.output(dims), d2 = make.output(dims), d3 = make.output(dims);
        fast.softmax_backward(t.ctx, dy.fast, p.fast, d1.fast);
        slow.softmax_backward(t.ctx, dy.oracle, p.oracle, d1.oracle);
        fast.log_softmax_backward(t.ctx, dy.fast, log_p.fast, d2.fast);
        slow.log_softmax_backward(t.ctx, dy.oracle, log_p.oracle, d2.oracle);
        fast.log_sum_exp_backward(t.ctx, dy_rows.fast, x.fast, s.fast, d3.fast);
        slow.log_sum_exp_backward(t.ctx, dy_rows.oracle, x.oracle, s.oracle, d3.oracle);
        if (dims[1] > 1) CHECK(mismatch(label + " softmax_backward", d1, dims[1]) == "");
        CHECK(mismatch(label + " log_softmax_backward", d2, 4 * dims[1]) == "");
        CHECK(mismatch(label + " log_sum_exp_backward", d3, dims[1]) == "");

        HostTensor in_place = dy.fast.as(DType::Float32, HostLayout::Contiguous);
        fast.log_softmax_backward(t.ctx, in_place, log_p.fast, in_place);
        CHECK(mismatch(label + " log_softmax_backward in place", in_place, d2.oracle, 4 * dims[1], 4.8e-7) == "");
      }
  });
}

TEST_CASE("masked row extreme: ties, sparse, full and empty masks", "[rows]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 54);
    for (const Dims& dims : matrix_dims())
      for (int density : {0, 1, 5})  // mask values 0..density: none, about half, most (and not only 1)
        for (bool maximum : {true, false}) {
          const Operand x = make.ties(dims, -3, 3), mask = make.integers(dims, DType::UInt8, 0, density);
          const Operand dy = make.input({dims[0]});
          Operand value = make.output({dims[0]}), index = make.output({dims[0]}, DType::Int64), dx = make.output(dims);
          t.table.reduce.masked_row_extreme(t.ctx, maximum, x.fast, mask.fast, value.fast, index.fast);
          oracle_table().reduce.masked_row_extreme(t.ctx, maximum, x.oracle, mask.oracle, value.oracle, index.oracle);
          const std::string label = t.label() + " " + to_string(dims) + " density " + std::to_string(density);
          CHECK(mismatch(label + " value", value, 1, 0) == "");
          CHECK(mismatch(label + " index", index) == "");
          const Operand at = make.from_oracle(index);
          t.table.reduce.masked_row_extreme_backward(t.ctx, dy.fast, at.fast, dx.fast);
          oracle_table().reduce.masked_row_extreme_backward(t.ctx, dy.oracle, at.oracle, dx.oracle);
          CHECK(mismatch(label + " backward", dx, 1, 0) == "");
        }
  });
}
