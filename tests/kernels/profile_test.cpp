// The kernel profile: every entry of a table is wrapped, calls get through, and costs are what the formulas say.
#include "kernels/profile/profile.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <set>

#include "base/error.h"
#include "kernels/profile/kernel_call.h"
#include "kernels/ref/table.h"
#include "tests/support/host_tensor.h"

using namespace fledge;
using namespace fledge::test;

namespace {

using Words = std::array<std::uintptr_t, sizeof(KernelTable) / sizeof(std::uintptr_t)>;

Words words_of(const KernelTable& table) {
  static_assert(sizeof(Words) == sizeof(KernelTable));
  Words words;
  std::memcpy(words.data(), &table, sizeof words);
  return words;
}

KernelTable reference() { return ref::ref_table<float>(); }

HostTensor filled(const Dims& dims, HostLayout layout = HostLayout::Contiguous, DType dtype = DType::Float32) {
  HostTensor t(dims, dtype, layout);
  t.fill_from([](std::int64_t i) { return 0.25 * static_cast<double>(i % 7) - 0.5; });
  return t;
}

/// The one line of the profile.
KernelUse only_use() {
  const std::vector<KernelUse> uses = take_kernel_profile();
  REQUIRE(uses.size() == 1);
  return uses[0];
}

}  // namespace

TEST_CASE("every entry of a table is wrapped, each by a wrapper of its own", "[profile]") {
  const Words plain = words_of(reference()), wrapped = words_of(profiled_table(reference()));
  std::set<std::uintptr_t> wrappers;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    INFO("entry " << i);
    REQUIRE(plain[i] != 0);
    CHECK(wrapped[i] != 0);
    CHECK(wrapped[i] != plain[i]);
    wrappers.insert(wrapped[i]);
  }
  CHECK(wrappers.size() == plain.size());
  std::set<std::string> names;
  std::apply([&](const auto&... e) { (names.insert(e.name), ...); }, kKernelEntries);
  CHECK(names.size() == plain.size());
}

TEST_CASE("an entry that is not there stays so", "[profile]") {
  KernelTable table = reference();
  table.gemm.matmul = nullptr;
  const KernelTable wrapped = profiled_table(table);
  CHECK(wrapped.gemm.matmul == nullptr);
  CHECK(wrapped.conv.forward != nullptr);
  const Words nothing = words_of(profiled_table(KernelTable{}));
  for (const std::uintptr_t word : nothing) CHECK(word == 0);
}

TEST_CASE("a wrapped convolution computes the same, and its cost is the formula's", "[profile]") {
  take_kernel_profile();
  const KernelTable plain = reference(), table = profiled_table(plain);
  const auto cl = HostLayout::ChannelsLast;
  const HostTensor x = filled({2, 4, 5, 6}, cl), w = filled({6, 2, 3, 3}, cl), bias = filled({6});
  const Conv2dParams p{
      .stride_h = 2, .stride_w = 1, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 2};
  HostTensor y({2, 6, 3, 6}, DType::Float32, cl), expected({2, 6, 3, 6}, DType::Float32, cl);
  ExecContext ctx(1);
  plain.conv.forward(ctx, x, w, &bias.view(), expected, p);
  table.conv.forward(ctx, x, w, &bias.view(), y, p);
  CHECK(y.values() == expected.values());
  const KernelUse forward = only_use();
  CHECK(forward.op == "conv2d");
  CHECK(forward.descriptor == "n2c4h5w6k6r3s3 stride2x1 pad1,1,1,1 groups2");
  CHECK(forward.calls == 1);
  CHECK(forward.ms > 0);
  CHECK(forward.flops == 2.0 * 2 * 6 * 3 * 6 * (4 / 2) * 3 * 3);
  const double io = 4.0 * (2 * 4 * 5 * 6 + 6 * 2 * 3 * 3 + 2 * 6 * 3 * 6);
  CHECK(forward.bytes == io + 4 * 6);

  HostTensor dx({2, 4, 5, 6}, DType::Float32, cl), dw({6, 2, 3, 3}, DType::Float32, cl);
  for (int i = 0; i < 3; ++i) table.conv.grad_input(ctx, y, w, dx, p);
  table.conv.grad_weight(ctx, y, x, dw, p);
  table.conv.forward(ctx, x, w, nullptr, y, p);  // no bias: its bytes are not there
  std::vector<KernelUse> uses = take_kernel_profile();
  REQUIRE(uses.size() == 3);
  CHECK(std::is_sorted(uses.begin(), uses.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; }));
  for (const KernelUse& use : uses) {
    INFO(use.op);
    const double calls = use.op == "conv2d_grad_input" ? 3 : 1;
    CHECK(static_cast<double>(use.calls) == calls);
    CHECK(use.descriptor == forward.descriptor);
    CHECK(use.flops == calls * forward.flops);
    CHECK(use.bytes == calls * io);
  }
  CHECK(take_kernel_profile().empty());
}

TEST_CASE("a convolution of pixels costs that of the numbers, and moves bytes", "[profile]") {
  take_kernel_profile();
  const KernelTable table = profiled_table(reference());
  ExecContext ctx(1);
  HostTensor pixels({2, 5, 6, 3}, DType::UInt8), y({2, 4, 2, 4});
  pixels.fill_from([](std::int64_t i) { return static_cast<double>(i); });
  const HostTensor w = filled({4, 3, 3, 3});
  table.conv.pixels_fused(ctx, pixels, {}, w, {}, y, {.stride_h = 2});
  const KernelUse use = only_use();
  CHECK(use.op == "pixels_conv2d_fused");
  CHECK(use.descriptor == "n2c3h5w6k4r3s3 stride2x1 pad0,0,0,0 groups1:u8");
  CHECK(use.flops == 2.0 * 2 * 4 * 2 * 4 * 27);
  CHECK(use.bytes == 2 * 5 * 6 * 3 + 4.0 * (4 * 27 + 2 * 4 * 2 * 4));
}

TEST_CASE("matrix products, and the norm of many tensors", "[profile]") {
  take_kernel_profile();
  const KernelTable table = profiled_table(reference());
  ExecContext ctx(1);
  const HostTensor a = filled({7, 3}), b = filled({5, 7});
  HostTensor c({3, 5});
  table.gemm.matmul(ctx, a, b, nullptr, c, {.transpose_a = true, .transpose_b = true});
  const KernelUse use = only_use();
  CHECK(use.descriptor == "m3n5k7 ta tb");
  CHECK(use.flops == 2.0 * 3 * 5 * 7);
  CHECK(use.bytes == 4.0 * (21 + 35 + 15));

  HostTensor norm({1}, DType::Float64);
  table.optim.grad_norm(ctx, std::vector<TensorView>{a, b}, norm);
  CHECK(only_use().bytes == 4.0 * (21 + 35) + 8);
}

TEST_CASE("bytes: repeated axes, one tensor twice, other dtypes, nullable tensors", "[profile]") {
  take_kernel_profile();
  const KernelTable table = profiled_table(reference());
  ExecContext ctx(1);
  const HostTensor x = filled({8, 6}), row = filled({1, 6});
  HostTensor y({8, 6});
  TensorView repeated = row.view();
  repeated.dims[0] = 8, repeated.strides[0] = 0;
  table.eltwise.binary(ctx, BinaryOp::Mul, x, repeated, y);
  KernelUse use = only_use();
  CHECK(use.bytes == 4.0 * (48 + 6 + 48));
  CHECK(use.descriptor == "mul 8x6 1x6");
  CHECK(use.flops == 0);

  table.eltwise.binary(ctx, BinaryOp::Add, x, x, y);
  use = only_use();
  CHECK(use.bytes == 4.0 * (48 + 48));
  CHECK(use.descriptor == "add 8x6");

  HostTensor wide({8, 6}, DType::Float64);
  table.eltwise.copy(ctx, x, wide);
  use = only_use();
  CHECK(use.bytes == 12.0 * 48);
  CHECK(use.descriptor == "8x6 8x6:f64");

  const auto cl = HostLayout::ChannelsLast;
  const HostTensor picture = filled({2, 3, 4, 4}, cl), gamma = filled({3}), dy = filled({2, 3, 4, 4}, cl);
  HostTensor dx({2, 3, 4, 4}, DType::Float32, cl), dgamma({3});
  const BatchNormBackwardArgs args{dy, picture, picture, gamma, gamma, gamma};
  table.norm.batch_norm_backward(ctx, args, {.dx = &dx.view(), .dgamma = &dgamma.view()}, true, {});
  CHECK(only_use().bytes == 4.0 * (3 * 96 + 3 + 3));  // dy, x (= y), dx; gamma (= mean = invstd), dgamma
}

TEST_CASE("optimiser steps read and write what they update", "[profile]") {
  take_kernel_profile();
  const KernelTable table = profiled_table(reference());
  ExecContext ctx(1);
  HostTensor w = filled({10}), grad = filled({10}), momentum = filled({10});
  const HostTensor rates({1}, {0.1}), norm({1}, {1});
  const OptimTensor plain{.w = w, .grad = grad, .first = {}, .second = {}};
  table.optim.sgd_step(ctx, {&plain, 1}, {.momentum = 0}, {rates, norm});
  CHECK(only_use().bytes == 4.0 * 10 * (2 + 1) + 8 * 2);

  const std::array<OptimTensor, 2> tensors = {OptimTensor{.w = w, .grad = grad, .first = momentum, .second = {}},
                                              OptimTensor{.w = momentum, .grad = grad, .first = w, .second = {}}};
  table.optim.sgd_step(ctx, tensors, {}, {rates, norm});
  const KernelUse use = only_use();
  CHECK(use.bytes == 2 * 4.0 * 10 * 5 + 8 * 2);
  CHECK(use.descriptor == "2 tensors of 20 numbers");
}

TEST_CASE("a profile cannot begin when kernels are out already", "[profile]") {
  const Backend& cpu = backend_for({});
  CHECK_THROWS_AS(profile_kernels(), Error);
  CHECK(&watched(cpu) == &cpu);  // not asked for: the backend itself
}
