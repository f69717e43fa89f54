// Reference elementwise functions, casts and fills against numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "kernels/ref/cast.h"
#include "tests/kernels/ref/tensors.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double value(UnaryOp op, double x, UnaryParams p = {}) {
  ExecContext ctx(1);
  HostTensor y({1}, DType::Float64);
  oracle_table().eltwise.unary(ctx, op, HostTensor({1}, {x}), y, p);
  return y.get(0);
}

double slope(UnaryOp op, double x, UnaryParams p = {}) {
  ExecContext ctx(1);
  const HostTensor y({1}, {value(op, x, p)});
  HostTensor dx({1}, DType::Float64);
  oracle_table().eltwise.unary_backward(ctx, op, HostTensor({1}, {3}), HostTensor({1}, {x}), y, dx, p);
  return dx.get(0) / 3;
}

float bf16(double v) { return widen(ref::to_bfloat16(v)); }

}  // namespace

TEST_CASE("ref unary values", "[ref][eltwise]") {
  CHECK(value(UnaryOp::ReLU, -2) == 0);
  CHECK(value(UnaryOp::ReLU, 9) == 9);
  CHECK(std::isnan(value(UnaryOp::ReLU, kNan)));
  CHECK(value(UnaryOp::ReLU6, -1) == 0);
  CHECK(value(UnaryOp::ReLU6, 5.5) == 5.5);
  CHECK(value(UnaryOp::ReLU6, 7) == 6);
  CHECK(value(UnaryOp::Exp, 1) == Approx(2.718281828459045).epsilon(1e-15));
  CHECK(value(UnaryOp::Log, 10) == Approx(2.302585092994046).epsilon(1e-15));
  CHECK(value(UnaryOp::Sqrt, 2.25) == 1.5);
  CHECK(value(UnaryOp::Square, -3) == 9);
  CHECK(value(UnaryOp::Abs, -3) == 3);
  CHECK(value(UnaryOp::Clamp, 5, {.a = -1, .b = 2}) == 2);
  CHECK(value(UnaryOp::Clamp, -5, {.a = -1, .b = 2}) == -1);
  CHECK(value(UnaryOp::Affine, 3, {.a = 2, .b = -10}) == -4);
  CHECK(value(UnaryOp::Softplus, 0) == Approx(0.6931471805599453).epsilon(1e-15));
  CHECK(value(UnaryOp::Softplus, 1000) == 1000);
  CHECK(value(UnaryOp::Softplus, -1000) == 0);
}

TEST_CASE("ref unary slopes, on the kinks too", "[ref][eltwise]") {
  const UnaryParams unit{.a = -1, .b = 2};
  CHECK(slope(UnaryOp::ReLU, 0) == 0);
  CHECK(slope(UnaryOp::ReLU, 1) == 1);
  CHECK(slope(UnaryOp::ReLU6, 0) == 0);
  CHECK(slope(UnaryOp::ReLU6, 6) == 0);
  CHECK(slope(UnaryOp::ReLU6, 5) == 1);
  CHECK(slope(UnaryOp::Exp, 0) == 1);
  CHECK(slope(UnaryOp::Log, 4) == 0.25);
  CHECK(slope(UnaryOp::Sqrt, 4) == 0.25);
  CHECK(slope(UnaryOp::Sqrt, 0) == 0);
  CHECK(slope(UnaryOp::Square, 5) == 10);
  CHECK(slope(UnaryOp::Abs, -2) == -1);
  CHECK(slope(UnaryOp::Abs, 0) == 0);
  CHECK(slope(UnaryOp::Clamp, -1, unit) == 1);
  CHECK(slope(UnaryOp::Clamp, 2, unit) == 1);
  CHECK(slope(UnaryOp::Clamp, 2.5, unit) == 0);
  CHECK(slope(UnaryOp::Clamp, -1.5, unit) == 0);
  CHECK(slope(UnaryOp::Affine, 7, {.a = -2.5, .b = 1}) == -2.5);
  CHECK(slope(UnaryOp::Softplus, 0) == 0.5);
  CHECK(slope(UnaryOp::Softplus, -1000) == 0);
}

TEST_CASE("ref binary with broadcast strides, in place", "[ref][eltwise]") {
  ExecContext ctx(1);
  HostTensor a({2, 3}, {1, 2, 3, 4, 5, 6});
  const HostTensor row({3}, {10, 20, 30});
  TensorView expanded = row;
  expanded.dims = {2, 3};
  expanded.strides = {0, 1};
  const auto& binary = oracle_table().eltwise.binary;
  binary(ctx, BinaryOp::Add, a, expanded, a);
  CHECK(a.values() == Values{11, 22, 33, 14, 25, 36});
  binary(ctx, BinaryOp::Sub, a, expanded, a);
  CHECK(a.values() == Values{1, 2, 3, 4, 5, 6});
  binary(ctx, BinaryOp::Mul, a, expanded, a);
  CHECK(a.values() == Values{10, 40, 90, 40, 100, 180});
  binary(ctx, BinaryOp::Div, expanded, a, a);
  CHECK(a.values() == Values{1, 0.5, 30.0 / 90, 0.25, 0.2, 30.0 / 180});
}

TEST_CASE("bfloat16 rounds to nearest, ties to even", "[ref][cast]") {
  CHECK(bf16(1) == 1);
  CHECK(bf16(1 + 0x1p-8) == 1);               // tie, even below
  CHECK(bf16(1 + 3 * 0x1p-8) == 1 + 0x1p-6);  // tie, even above
  CHECK(bf16(1 + 0x1p-8 + 0x1p-20) == 1 + 0x1p-7);
  CHECK(bf16(1 + 0x1p-8 + 0x1p-40) == 1 + 0x1p-7);            // as float this would look like a tie
  CHECK(bf16(-(1 + 3 * 0x1p-8 - 0x1p-40)) == -(1 + 0x1p-7));  // and this too
  CHECK(bf16(3.4e38) == std::numeric_limits<float>::infinity());
  CHECK(bf16(-kInf) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(bf16(kNan)));
}

TEST_CASE("casts to integers truncate, saturate, and turn NaN into 0", "[ref][cast]") {
  CHECK(ref::cast<std::int32_t>(-2.9f) == -2);
  CHECK(ref::cast<std::uint8_t>(255.9) == 255);
  CHECK(ref::cast<std::uint8_t>(256.0) == 255);
  CHECK(ref::cast<std::uint8_t>(-0.5) == 0);
  CHECK(ref::cast<std::uint8_t>(-7.0) == 0);
  CHECK(ref::cast<std::int32_t>(3e9) == 2147483647);
  CHECK(ref::cast<std::int64_t>(1e30) == std::numeric_limits<std::int64_t>::max());
  CHECK(ref::cast<std::int64_t>(-kInf) == std::numeric_limits<std::int64_t>::min());
  CHECK(ref::cast<std::int32_t>(kNan) == 0);
}

TEST_CASE("ref copy: every pair of dtypes, transposing and not", "[ref][copy]") {
  ExecContext ctx(1);
  const DType all[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8};
  for (DType from : all)
    for (DType to : all)
      for (HostLayout layout : {HostLayout::Contiguous, HostLayout::ChannelsLast}) {
        const HostTensor x({1, 2, 2, 3}, {0, 1.75, 2, 3, 4, 5.25, 6, 7, 200, 9, 10, 11}, from);
        HostTensor y({1, 2, 2, 3}, to, layout);
        oracle_table().eltwise.copy(ctx, x, y);
        const bool whole = !is_floating(from) || !is_floating(to);
        INFO(name_of(from) << " to " << name_of(to) << " " << name_of(layout));
        CHECK(y.values() == Values{0, whole ? 1 : 1.75, 2, 3, 4, whole ? 5 : 5.25, 6, 7, 200, 9, 10, 11});
        CHECK(y.canaries_intact());
      }
}

TEST_CASE("ref copy from a broadcast axis, into a slice, and of nothing", "[ref][copy]") {
  ExecContext ctx(1);
  const HostTensor x({2}, {7, 8});
  HostTensor y({2, 4}, {0, 0, 0, 0, 0, 0, 0, 0});
  TensorView from = x, to = y;
  from.dims = to.dims = {2, 2};
  from.strides = {1, 0};
  to.data = to.as<double>() + 1;
  oracle_table().eltwise.copy(ctx, from, to);
  CHECK(y.values() == Values{0, 7, 7, 0, 0, 8, 8, 0});
  HostTensor empty({0, 3}, DType::Float32);
  oracle_table().eltwise.copy(ctx, HostTensor({0, 3}, DType::Int32), empty);
  CHECK(empty.canaries_intact());
}

TEST_CASE("ref fill: every dtype, and only the view's own elements", "[ref][copy]") {
  ExecContext ctx(1);
  for (DType t : {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8}) {
    HostTensor y({2, 3}, {1, 1, 1, 1, 1, 1}, t);
    TensorView column = y;
    column.dims = {2, 1};
    oracle_table().eltwise.fill(ctx, column, 2.5);
    const double expected = is_floating(t) ? 2.5 : 2;
    INFO(name_of(t));
    CHECK(y.values() == Values{expected, 1, 1, expected, 1, 1});
  }
}
