// What is special about kernels/onednn: packed weights and their versions, plans that go and come
// back, residuals in place, the implementation that must not be taken, vendor errors. The values of
// every table are held to ref in conv_test.cpp.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "kernels/onednn/table.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// oneDNN for everything it can do, depthwise too (the CPU table gives depthwise to the own kernels).
const KernelTable& vendor_table() {
  static const KernelTable table = [] {
    KernelTable t = cpu_table("ref", DType::Float32);
    onednn::overlay(t);
    return t;
  }();
  return table;
}

constexpr Conv2dParams kSame{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};

HostTensor values(const Dims& dims, int seed) {
  HostTensor t(dims, DType::Float32, HostLayout::ChannelsLast);
  t.fill_from([&](std::int64_t i) { return static_cast<double>((i * 37 + seed * 11) % 101 - 50) / 64; });
  return t;
}
HostTensor empty(const Dims& dims) { return HostTensor(dims, DType::Float32, HostLayout::ChannelsLast); }

std::vector<double> forward(ExecContext& ctx, const HostTensor& x, const HostTensor& w, const Dims& y_dims) {
  HostTensor y = empty(y_dims);
  vendor_table().conv.forward(ctx, x, w, nullptr, y, kSame);
  return y.values();
}

}  // namespace

TEST_CASE("onednn: a packed weight is used again, and packed anew when its version moves on", "[onednn]") {
  ExecContext ctx(1);
  const Dims y_dims{2, 48, 9, 9};
  const HostTensor x = values({2, 32, 9, 9}, 1);
  HostTensor w = values({48, 32, 3, 3}, 2);
  const HostTensor plain = w.as(DType::Float32, HostLayout::ChannelsLast);  // has no slot
  w.use_slot();
  const auto first = forward(ctx, x, plain, y_dims);
  CHECK(forward(ctx, x, w, y_dims) == first);
  CHECK(forward(ctx, x, w, y_dims) == first);

  // Changed behind the back of the version, the weight is still served from its packed copy: proof that there is one.
  w.fill_from([](std::int64_t) { return 0.0; });
  CHECK(forward(ctx, x, w, y_dims) == first);
  w.bump_version();
  CHECK(forward(ctx, x, w, y_dims) == std::vector<double>(first.size(), 0.0));

  // Another context finds the same copy, and backward data keeps its own form beside it.
  ExecContext other(2);
  CHECK(forward(other, x, w, y_dims) == std::vector<double>(first.size(), 0.0));
  HostTensor dx = empty({2, 32, 9, 9});
  vendor_table().conv.grad_input(ctx, values(y_dims, 3), w, dx, kSame);
  CHECK(dx.values() == std::vector<double>(2 * 32 * 81, 0.0));
}

TEST_CASE("onednn: a square weight of a matrix product is packed apart for each transpose", "[onednn]") {
  ExecContext ctx(1);
  const HostTensor a = values({8, 64}, 1);
  HostTensor b = values({64, 64}, 2);
  b.use_slot();
  for (bool transpose : {false, true, false}) {
    HostTensor packed = empty({8, 64}), expected = empty({8, 64});
    vendor_table().gemm.matmul(ctx, a, b, nullptr, packed, {.transpose_b = transpose, .b_is_weight = true});
    cpu_table("ref", DType::Float32).gemm.matmul(ctx, a, b, nullptr, expected, {.transpose_b = transpose});
    CHECK(mismatch("packed matmul", packed, expected, 64, 4.8e-7) == "");
  }
}

TEST_CASE("onednn: the residual may be the output itself", "[onednn]") {
  ExecContext ctx(1);
  const Dims x_dims{2, 32, 9, 9}, y_dims{2, 64, 9, 9};
  const HostTensor x = values(x_dims, 1), w = values({64, 32, 3, 3}, 2), bias = values({64}, 3),
                   residual = values(y_dims, 4);
  for (Activation activation : {Activation::None, Activation::ReLU, Activation::ReLU6}) {
    HostTensor apart = empty(y_dims), in_place = residual.as(DType::Float32, HostLayout::ChannelsLast);
    vendor_table().conv.forward_fused(ctx, x, w, {&bias.view(), &residual.view(), activation}, apart, kSame);
    vendor_table().conv.forward_fused(ctx, x, w, {&bias.view(), &in_place.view(), activation}, in_place, kSame);
    CHECK(mismatch("in place", in_place, apart, 32 * 9, 4.8e-7) == "");
  }
}

TEST_CASE("onednn: weight gradient of strided 1x1 convolutions with few channels", "[onednn]") {
  // oneDNN's own first choice writes past its scratchpad here (upstream
  // #6035), so the bytes behind it are watched, too.
  constexpr std::size_t kBehind = 1 << 16;
  constexpr unsigned char kCanary = 0xA5;
  ExecContext watched(1);
  for (std::int64_t c = 1; c <= 33; ++c) {
    Operands make(HostLayout::ChannelsLast, 7);
    const Dims x_dims{4, c, 56, 56}, w_dims{16, c, 1, 1};
    const Conv2dParams p{.stride_h = 2, .stride_w = 2};
    const Operand dy = make.input(p.output_dims(x_dims, w_dims)), x = make.input(x_dims);
    Operand dw = make.output(w_dims);
    oracle_table().conv.grad_weight(watched, dy[Side::Oracle], x[Side::Oracle], dw[Side::Oracle], p);
    ExecContext fresh(1);  // its arena grows to just what the call asks for
    vendor_table().conv.grad_weight(fresh, dy[Side::Fast], x[Side::Fast], dw[Side::Fast], p);
    CHECK(mismatch(p.descriptor(x_dims, w_dims), dw, 4 * 28 * 28) == "");

    const std::size_t asked = fresh.scratch_bytes();
    auto* arena = static_cast<unsigned char*>(watched.scratch(asked + kBehind));
    std::fill_n(arena + asked, kBehind, kCanary);
    vendor_table().conv.grad_weight(watched, dy[Side::Fast], x[Side::Fast], dw[Side::Fast], p);
    CHECK(std::all_of(arena + asked, arena + asked + kBehind, [](unsigned char byte) { return byte == kCanary; }));
  }
}

TEST_CASE("onednn: depthwise and grouped convolutions work without the own kernels", "[onednn]") {
  ExecContext ctx(2);
  for (const ConvCase& c : conv_cases()) {
    if (c.params.groups == 1) continue;
    Operands make(HostLayout::ChannelsLast, 8);
    const Operand x = make.input(c.x), w = make.input(c.w), dy = make.input(c.y());
    Operand y = make.output(c.y()), dx = make.output(c.x), dw = make.output(c.w);
    for (Side s : {Side::Fast, Side::Oracle}) {
      const ConvKernels& conv = s == Side::Fast ? vendor_table().conv : oracle_table().conv;
      conv.forward(ctx, x[s], w[s], nullptr, y[s], c.params);
      conv.grad_input(ctx, dy[s], w[s], dx[s], c.params);
      conv.grad_weight(ctx, dy[s], x[s], dw[s], c.params);
    }
    CHECK(mismatch("forward " + c.descriptor(), y, c.depth()) == "");
    CHECK(mismatch("grad_input " + c.descriptor(), dx, c.w[0] / c.params.groups * c.w[2] * c.w[3]) == "");
    CHECK(mismatch("grad_weight " + c.descriptor(), dw, c.y().numel() / c.w[0]) == "");
  }
}

TEST_CASE("onednn: more problems than plans are kept", "[onednn]") {
  ExecContext ctx(1);
  const HostTensor b = values({16, 8}, 2);
  for (int round = 0; round < 2; ++round)
    for (std::int64_t rows = 1; rows <= 600; rows += round == 0 ? 1 : 97) {
      const HostTensor a = values({rows, 16}, 1);
      HostTensor c = empty({rows, 8}), expected = empty({rows, 8});
      vendor_table().gemm.matmul(ctx, a, b, nullptr, c, {});
      cpu_table("ref", DType::Float32).gemm.matmul(ctx, a, b, nullptr, expected, {});
      REQUIRE(mismatch("rows " + std::to_string(rows), c, expected, 16, 4.8e-7) == "");
    }
}

TEST_CASE("onednn: the same problem gives the same bits in a new context", "[onednn]") {
  const HostTensor x = values({4, 64, 14, 14}, 1), dy = values({4, 64, 14, 14}, 2);
  for (int threads : {1, 2}) {
    std::vector<double> before;
    for (int run = 0; run < 2; ++run) {
      ExecContext ctx(threads);
      HostTensor dw = empty({64, 64, 3, 3});
      vendor_table().conv.grad_weight(ctx, dy, x, dw, kSame);
      if (run == 1) CHECK(dw.values() == before);
      before = dw.values();
    }
  }
}

TEST_CASE("onednn: what the vendor refuses is reported with its words and the problem", "[onednn]") {
  ExecContext ctx(1);
  const HostTensor x = values({1, 16, 2, 2}, 1), w = values({16, 16, 5, 5}, 2);  // no place for the filter
  HostTensor y = empty({1, 16, 1, 1});
  try {
    vendor_table().conv.forward(ctx, x, w, nullptr, y, {});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.op() == "conv2d");
    CHECK_THAT(e.what(), Catch::Contains("oneDNN") && Catch::Contains("n1c16h2w2k16r5s5 stride1x1 pad0,0,0,0 groups1"));
  }
  CHECK_THAT(cpu_library().version, Catch::StartsWith("3."));
}
