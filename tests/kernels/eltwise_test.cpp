// Elementwise entries of every CPU table against the reference: values in double, copies exactly.
#include <catch2/catch.hpp>

#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct UnaryCase {
  UnaryOp op;
  const char* name;
  double low, high;  // of x
  UnaryParams p = {};
};

const UnaryCase kUnary[] = {{UnaryOp::ReLU, "relu", -2, 2},
                            {UnaryOp::ReLU6, "relu6", -3, 9},
                            {UnaryOp::Exp, "exp", -20, 20},
                            {UnaryOp::Log, "log", 1e-3, 50},
                            {UnaryOp::Sqrt, "sqrt", 0, 50},
                            {UnaryOp::Square, "square", -5, 5},
                            {UnaryOp::Abs, "abs", -5, 5},
                            {UnaryOp::Clamp, "clamp", -3, 3, {.a = -0.75, .b = 1.5}},
                            {UnaryOp::Affine, "affine", -3, 3, {.a = -1.25, .b = 2.5}},
                            {UnaryOp::Softplus, "softplus", -30, 30}};

/// Relative to each element alone (no rms): y of exp spans seventeen decades.
std::string relative_mismatch(const std::string& what, const Operand& y) {
  for (std::int64_t i = 0; i < y.fast.dims().numel(); ++i) {
    const HostTensor got({1}, {y.fast.get(i)}), expected({1}, {y.oracle.get(i)});
    const std::string m = mismatch(what + " element " + std::to_string(i), got, expected, 1, 1e-6);
    if (!m.empty()) return m;
  }
  return y.fast.canaries_intact() ? "" : what + ": wrote outside its buffer";
}

}  // namespace

TEST_CASE("unary functions and their gradients", "[eltwise]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 41);
    for (const UnaryCase& u : kUnary)
      for (const Dims& dims : elementwise_dims()) {
        const Operand x = make.input(dims, u.low, u.high), dy = make.input(dims);
        Operand y = make.output(dims), dx = make.output(dims);
        t.table.eltwise.unary(t.ctx, u.op, x.fast, y.fast, u.p);
        oracle_table().eltwise.unary(t.ctx, u.op, x.oracle, y.oracle, u.p);
        const std::string label = t.label() + " " + u.name + " " + to_string(dims);
        // Where x is near 1, log has a small value with the rounding of a
        // large one, and so has an affine function's sum.
        const bool cancels = u.op == UnaryOp::Log || u.op == UnaryOp::Affine;
        CHECK((cancels ? mismatch(label, y) : relative_mismatch(label, y)) == "");

        const Operand y_in = make.from_oracle(y);
        t.table.eltwise.unary_backward(t.ctx, u.op, dy.fast, x.fast, y_in.fast, dx.fast, u.p);
        oracle_table().eltwise.unary_backward(t.ctx, u.op, dy.oracle, x.oracle, y_in.oracle, dx.oracle, u.p);
        CHECK(mismatch(label + " backward", dx) == "");

        Operand in_place{dy.fast.as(DType::Float32, t.layout), dy.oracle.as(DType::Float64, HostLayout::Contiguous)};
        t.table.eltwise.unary_backward(t.ctx, u.op, in_place.fast, x.fast, y_in.fast, in_place.fast, u.p);
        CHECK(mismatch(label + " backward in place", in_place.fast, dx.oracle, 1, 4.8e-7) == "");
      }
  });
}

TEST_CASE("unary gradients on the kinks", "[eltwise]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 42);
    const UnaryParams p{.a = -1, .b = 2};
    for (UnaryOp op : {UnaryOp::ReLU, UnaryOp::ReLU6, UnaryOp::Abs, UnaryOp::Clamp, UnaryOp::Sqrt}) {
      const Operand x = make.ties({67}, op == UnaryOp::Sqrt ? 0 : -3, 7), dy = make.input({67});
      Operand y = make.output({67}), dx = make.output({67});
      oracle_table().eltwise.unary(t.ctx, op, x.oracle, y.oracle, p);
      const Operand y_in = make.from_oracle(y);
      t.table.eltwise.unary_backward(t.ctx, op, dy.fast, x.fast, y_in.fast, dx.fast, p);
      oracle_table().eltwise.unary_backward(t.ctx, op, dy.oracle, x.oracle, y_in.oracle, dx.oracle, p);
      CHECK(mismatch(t.label() + " op " + std::to_string(static_cast<int>(op)), dx) == "");
    }
  });
}

TEST_CASE("binary functions, broadcast in every way, and in place", "[eltwise]") {
  struct Shapes {
    Dims a, b, y;
  };
  const Shapes shapes[] = {{{33}, {33}, {33}},
                           {{70000}, {70000}, {70000}},
                           {{17}, {1}, {17}},
                           {{5, 13}, {1, 13}, {5, 13}},
                           {{5, 1}, {5, 13}, {5, 13}},
                           {{5, 1}, {1, 9}, {5, 9}},
                           {{2, 16, 3, 5}, {2, 16, 3, 5}, {2, 16, 3, 5}},
                           {{2, 17, 3, 5}, {1, 17, 1, 1}, {2, 17, 3, 5}},
                           {{1, 1, 1, 1}, {2, 7, 3, 5}, {2, 7, 3, 5}},
                           {{2, 7, 1, 1}, {1, 1, 3, 5}, {2, 7, 3, 5}}};
  for_each_table([&](const TableUnderTest& t) {
    Operands make(t, 43);
    for (const Shapes& shape : shapes)
      for (BinaryOp op : {BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div}) {
        const Operand a = make.input(shape.a, 0.5, 2), b = make.input(shape.b, 0.5, 2);
        Operand y = make.output(shape.y);
        t.table.eltwise.binary(t.ctx, op, expanded(a, Side::Fast, shape.y), expanded(b, Side::Fast, shape.y), y.fast);
        oracle_table().eltwise.binary(t.ctx, op, expanded(a, Side::Oracle, shape.y), expanded(b, Side::Oracle, shape.y),
                                      y.oracle);
        const std::string label = t.label() + " op " + std::to_string(static_cast<int>(op)) + " " + to_string(shape.a) +
                                  " with " + to_string(shape.b);
        CHECK(mismatch(label, y) == "");
        if (!(shape.a == shape.y)) continue;
        HostTensor in_place = a.fast.as(DType::Float32, t.layout);
        t.table.eltwise.binary(t.ctx, op, in_place, expanded(b, Side::Fast, shape.y), in_place);
        CHECK(mismatch(label + " in place", in_place, y.oracle, 1, 4.8e-7) == "");
      }
  });
}

TEST_CASE("copy between layouts and dtypes, and fill", "[eltwise]") {
  const DType all[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8};
  for_each_table([&](const TableUnderTest& t) {
    Operands make(t, 44);
    for (const Dims& dims :
         {Dims{2, 3, 5, 7}, Dims{1, 17, 4, 4}, Dims{2, 32, 9, 8}, Dims{3, 1, 8, 8}, Dims{0, 3, 2, 2}})
      for (DType from : all)
        for (DType to : all)
          for (HostLayout a : {HostLayout::Contiguous, HostLayout::ChannelsLast})
            for (HostLayout b : {HostLayout::Contiguous, HostLayout::ChannelsLast}) {
              HostTensor x(dims, from, a), fast_x = t.tensor(dims, from, a), got = t.tensor(dims, to, b);
              HostTensor expected(dims, to, b);
              x.fill_from([&](std::int64_t) { return make.uniform(0, 255); });
              fast_x.fill_from([&](std::int64_t i) { return x.get(i); });
              t.table.eltwise.copy(t.ctx, fast_x, got);
              oracle_table().eltwise.copy(t.ctx, x, expected);
              CHECK(mismatch(t.label() + " copy " + to_string(dims) + " " + name_of(from) + " " + name_of(a) + " to " +
                                 name_of(to) + " " + name_of(b),
                             got, expected, 1, 0) == "");
            }
    for (DType to : all)
      for (const Dims& dims : elementwise_dims()) {
        HostTensor got = t.tensor(dims, to, t.layout), expected(dims, to, t.layout);
        t.table.eltwise.fill(t.ctx, got, 3.5);
        oracle_table().eltwise.fill(t.ctx, expected, 3.5);
        CHECK(mismatch(t.label() + " fill " + to_string(dims) + " " + name_of(to), got, expected, 1, 0) == "");
      }
  });
}

TEST_CASE("copy out of broadcast, transposed and sliced views", "[eltwise]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 45);
    const Operand x = make.input({37, 21});
    const HostTensor x_host = x.oracle.as(DType::Float32, HostLayout::Contiguous);
    const auto transposed = [](TensorView v) {
      v.dims = {21, 37}, v.strides = {1, 21};
      return v;
    };
    const auto sliced = [](TensorView v) {
      v.dims = {30, 19}, v.data = v.as<float>() + 21 + 1;
      return v;
    };
    const auto broadcast = [](TensorView v) {
      v.dims = {40, 21}, v.strides = {0, 1};
      return v;
    };
    const auto check = [&](auto view_of) {
      const TensorView from = view_of(x_host.view());
      HostTensor got = t.tensor(from.dims), expected(from.dims);
      t.table.eltwise.copy(t.ctx, view_of(x.fast.view()), got);
      oracle_table().eltwise.copy(t.ctx, from, expected);
      CHECK(mismatch(t.label() + " " + to_string(from.dims), got, expected, 1, 0) == "");
    };
    check(transposed);
    check(sliced);
    check(broadcast);
    // Into a slice: what lies around it stays.
    HostTensor around = t.tensor({40, 30});
    around.fill_from([](std::int64_t i) { return static_cast<double>(i); });
    TensorView hole = around;
    hole.dims = {37, 21}, hole.data = hole.as<float>() + 30 + 4;
    t.table.eltwise.copy(t.ctx, x.fast, hole);
    HostTensor expected({40, 30});
    expected.fill_from([&](std::int64_t i) {
      const std::int64_t r = i / 30 - 1, c = i % 30 - 4;
      return r >= 0 && r < 37 && c >= 0 && c < 21 ? x.fast.get(r * 21 + c) : static_cast<double>(i);
    });
    CHECK(mismatch(t.label() + " into a slice", around, expected, 1, 0) == "");
  });
}
