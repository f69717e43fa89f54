// The GPU's kernels of the image side in both its tables, against the reference in double: what the shared case
// lists do not hold, and everything in bfloat16 (operands are rounded first: only the result's rounding differs).
#include <catch2/catch.hpp>

#include "tests/support/cases_norm.h"
#include "tests/support/cases_pool.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// One of the GPU's tables, with operands for it: activations in its dtype, all else in float32.
struct Gpu {
  const Backend& backend;
  DType dtype;
  Operands make;  // float32
  ExecContext ctx{1};

  Gpu(const Backend& b, DType t, std::uint64_t seed)
      : backend(b), dtype(t), make({"", b.f32, HostLayout::ChannelsLast, ctx, &b}, seed) {}

  bool narrow() const { return dtype == DType::BFloat16; }
  double tolerance() const { return narrow() ? 0x1p-8 : 4.8e-7; }
  std::string label() const { return std::string(name_of(dtype)) + " "; }

  Operand output(const Dims& dims) {
    return {HostTensor(dims, dtype, HostLayout::ChannelsLast, &backend), HostTensor(dims, DType::Float64)};
  }
  Operand rounded(const HostTensor& from) {
    Operand o = output(from.dims());
    o.fast.fill_from([&](std::int64_t i) { return from.get(i); });
    o.oracle.fill_from([&](std::int64_t i) { return o.fast.get(i); });
    return o;
  }
  Operand input(const Dims& dims, double low = -1, double high = 1) {
    return rounded(make.input(dims, low, high).fast);
  }

  /// Calls f(table, side) for the table and for the oracle.
  template <class F>
  void run_both(F&& f) const {
    f(backend.table(dtype), Side::Fast);
    f(oracle_table(), Side::Oracle);
  }
};

template <class F>
void for_both_tables(std::uint64_t seed, F&& f) {
  const Backend* backend = gpu_under_test();
  if (!backend) return;
  for (DType t : {DType::Float32, DType::BFloat16}) {
    Gpu gpu(*backend, t, seed);
    f(gpu);
  }
}

struct DepthwiseCase {
  Dims x;
  std::int64_t r, s;
  Conv2dParams p;

  Dims w() const { return {x[1], 1, r, s}; }
  Dims y() const { return p.output_dims(x, w()); }
};

std::vector<DepthwiseCase> depthwise_cases() {
  const int pads[][4] = {{1, 1, 1, 1}, {0, 0, 1, 1}, {2, 0, 1, 3}, {4, 5, 3, 4}};  // top, left, bottom, right
  std::vector<DepthwiseCase> cases;
  const auto add = [&](const Dims& x, int r, int s, int stride_h, int stride_w, const int(&pad)[4]) {
    const Conv2dParams p{stride_h, stride_w, pad[0], pad[1], pad[2], pad[3], static_cast<int>(x[1])};
    if (x[2] + pad[0] + pad[2] >= r && x[3] + pad[1] + pad[3] >= s) cases.push_back({x, r, s, p});
  };
  for (std::int64_t c : {2, 3, 12, 24, 33})
    for (int stride : {1, 2})
      for (const auto& pad : pads)
        for (auto [h, w] : {std::pair{1, 1}, {2, 3}, {7, 7}, {14, 9}, {5, 12}})
          add({2, c, h, w}, 3, 3, stride, stride, pad);
  for (std::int64_t c : {6, 8})
    for (const auto& pad : pads) {
      add({2, c, 9, 8}, 3, 3, 2, 1, pad);
      add({2, c, 9, 8}, 5, 5, 2, 2, pad);
      add({2, c, 9, 8}, 4, 2, 1, 1, pad);
      add({2, c, 9, 8}, 1, 1, 3, 2, pad);
    }
  add({1, 260, 4, 5}, 3, 3, 1, 1, pads[0]);  // more channels than a block takes
  add({3, 16, 33, 30}, 3, 3, 1, 1, pads[0]);
  add({3, 16, 33, 30}, 3, 3, 2, 2, pads[0]);
  return cases;
}

std::vector<NormCase> wide_norm_cases() {
  std::vector<NormCase> cases = norm_cases();
  for (const Dims& x : {Dims{4, 24, 40, 40}, Dims{2, 272, 13, 9}, Dims{1, 2048, 3, 3}, Dims{1, 1030, 3, 5}})
    cases.push_back({x, Activation::ReLU6, true});
  return cases;
}

}  // namespace

TEST_CASE("GPU: depthwise convolution and the gradient of a bias", "[gpu][conv]") {
  for_both_tables(71, [](Gpu& gpu) {
    int turn = 0;
    for (const DepthwiseCase& c : depthwise_cases()) {
      const Operand x = gpu.input(c.x, -2, 3), w = gpu.input(c.w()), dy = gpu.input(c.y()), res = gpu.input(c.y());
      const Operand bias = gpu.make.input({c.x[1]});
      Operand y = gpu.output(c.y()), fused = gpu.output(c.y()), dx = gpu.output(c.x);
      Operand dw = gpu.make.output(c.w()), db = gpu.make.output({c.x[1]}), again = gpu.make.output(c.w());
      const auto activation = static_cast<Activation>(turn++ % 3);
      gpu.run_both([&](const KernelTable& t, Side s) {
        t.conv.forward(gpu.ctx, x[s], w[s], nullptr, y[s], c.p);
        t.conv.forward_fused(gpu.ctx, x[s], w[s],
                             {.bias = bias.at(s), .residual = turn % 2 ? res.at(s) : nullptr, .activation = activation},
                             fused[s], c.p);
        t.conv.grad_input(gpu.ctx, dy[s], w[s], dx[s], c.p);
        t.conv.grad_weight(gpu.ctx, dy[s], x[s], dw[s], c.p);
        t.conv.grad_bias(gpu.ctx, dy[s], db[s]);
        t.conv.grad_weight(gpu.ctx, dy[s], x[s], again[s], c.p);
      });
      const std::string label = gpu.label() + c.p.descriptor(c.x, c.w());
      const std::int64_t taps = c.r * c.s, outputs = c.y().numel() / c.x[1];
      CHECK(mismatch(label + " y", y, taps, gpu.tolerance()) == "");
      CHECK(mismatch(label + " fused", fused, taps, gpu.tolerance()) == "");
      CHECK(mismatch(label + " dx", dx, taps, gpu.tolerance()) == "");
      CHECK(mismatch(label + " dw", dw, outputs) == "");
      CHECK(mismatch(label + " db", db, outputs) == "");
      CHECK(again.fast.values() == dw.fast.values());
    }
  });
}

TEST_CASE("GPU: batch norm forward", "[gpu][norm]") {
  for_both_tables(72, [](Gpu& gpu) {
    for (const NormCase& c : wide_norm_cases()) {
      const Dims channels{c.x[1]};
      const std::int64_t m = c.x.numel() / c.x[1];
      const BatchNormParams p{.eps = 1e-3, .momentum = 0.3, .activation = c.activation};
      const Operand x = gpu.input(c.x, -1, 3), res = gpu.input(c.x, -3, 3);
      const Operand gamma = gpu.make.input(channels, 0.5, 4), beta = gpu.make.input(channels, -1, 4);
      Operand y = gpu.output(c.x), fixed = gpu.output(c.x);
      Operand mean = gpu.make.output(channels), invstd = gpu.make.output(channels);
      Operand running_mean = gpu.make.input(channels), running_var = gpu.make.input(channels, 0.5, 2);
      gpu.run_both([&](const KernelTable& t, Side s) {
        const TensorView* add = c.residual ? res.at(s) : nullptr;
        t.norm.batch_norm_eval(gpu.ctx, x[s], gamma[s], beta[s], running_mean[s], running_var[s], add, fixed[s], p);
        t.norm.batch_norm_train(gpu.ctx, x[s], gamma[s], beta[s], add, y[s], mean[s], invstd[s], running_mean.at(s),
                                running_var.at(s), p);
      });
      const std::string label = gpu.label() + c.descriptor();
      CHECK(mismatch(label + " mean", mean, m) == "");
      CHECK(mismatch(label + " invstd", invstd, m) == "");
      CHECK(mismatch(label + " running mean", running_mean, m) == "");
      CHECK(mismatch(label + " running var", running_var, m) == "");
      CHECK(mismatch(label + " y", y, gpu.narrow() ? 1 : m, gpu.tolerance()) == "");
      CHECK(mismatch(label + " evaluation", fixed, 2, gpu.tolerance()) == "");
    }
  });
}

TEST_CASE("GPU: batch norm backward", "[gpu][norm]") {
  for_both_tables(73, [](Gpu& gpu) {
    int turn = 0;
    for (const NormCase& c : wide_norm_cases()) {
      const Dims channels{c.x[1]};
      const std::int64_t m = c.x.numel() / c.x[1];
      const BatchNormParams p{.eps = 1e-3, .momentum = 0.3, .activation = c.activation};
      const Operand x = gpu.input(c.x, -1, 3), y = gpu.input(c.x, -4, 9), dy = gpu.input(c.x);
      const Operand gamma = gpu.make.input(channels, 0.5, 4), mean = gpu.make.input(channels, 0, 2);
      const Operand invstd = gpu.make.input(channels, 0.5, 1.5);
      const bool batch_statistics = turn % 3 != 2;
      const int wanted = turn++ % 4 ? turn % 16 : 15;
      Operand dx = gpu.output(c.x), dz = gpu.output(c.x);
      Operand dgamma = gpu.make.output(channels), dbeta = gpu.make.output(channels);
      gpu.run_both([&](const KernelTable& t, Side s) {
        t.norm.batch_norm_backward(gpu.ctx, {dy[s], x[s], y[s], gamma[s], mean[s], invstd[s]},
                                   {.dx = wanted & 1 ? dx.at(s) : nullptr,
                                    .dgamma = wanted & 2 ? dgamma.at(s) : nullptr,
                                    .dbeta = wanted & 4 ? dbeta.at(s) : nullptr,
                                    .dresidual = wanted & 8 ? dz.at(s) : nullptr},
                                   batch_statistics, p);
      });
      const std::string label = gpu.label() + c.descriptor() + " wanted " + std::to_string(wanted);
      CHECK(mismatch(label + " dx", dx, gpu.narrow() ? 1 : m, gpu.tolerance()) == "");
      CHECK(mismatch(label + " dgamma", dgamma, m) == "");
      CHECK(mismatch(label + " dbeta", dbeta, m) == "");
      CHECK(mismatch(label + " dresidual", dz, 1, 0) == "");
    }
  });
}

TEST_CASE("GPU: pooling", "[gpu][pool]") {
  for_both_tables(74, [](Gpu& gpu) {
    std::vector<PoolCase> cases = pool_cases();
    cases.push_back({{2, 8, 11, 13}, {5, 4, 1, 2, 3, 2, 4, 1}});
    cases.push_back({{1, 8, 3, 3}, {2, 2, 1, 1, 3, 3, 3, 3}});   // windows wholly in the padding
    cases.push_back({{2, 12, 9, 9}, {2, 2, 3, 4, 0, 0, 0, 0}});  // pixels in no window
    cases.push_back({{2, 300, 4, 4}, {}});
    for (const PoolCase& c : cases) {
      const Dims y_dims = c.p.output_dims(c.x), flat{c.x[0], c.x[1]};
      const Operand x = gpu.rounded(gpu.make.ties(c.x, -4, 3).fast), dy = gpu.input(y_dims);
      const Operand features = gpu.make.input(flat);
      Operand y = gpu.output(y_dims), dx = gpu.output(c.x), spread = gpu.output(c.x), mean = gpu.make.output(flat);
      Operand indices = gpu.make.output(y_dims, DType::Int32);
      gpu.run_both([&](const KernelTable& t, Side s) {
        t.pool.max_pool2d(gpu.ctx, x[s], y[s], indices.at(s), c.p);
        t.pool.max_pool2d_backward(gpu.ctx, dy[s], indices[s], dx[s], c.p);
        t.pool.global_avg_pool(gpu.ctx, x[s], mean[s]);
        t.pool.global_avg_pool_backward(gpu.ctx, features[s], spread[s]);
      });
      const std::string label = gpu.label() + c.descriptor();
      CHECK(mismatch(label + " maximum", y, 1, 0) == "");
      CHECK(mismatch(label + " indices", indices) == "");
      CHECK(mismatch(label + " backward", dx, c.p.kernel_h * c.p.kernel_w, gpu.tolerance()) == "");
      CHECK(mismatch(label + " mean", mean, c.x[2] * c.x[3]) == "");
      CHECK(mismatch(label + " mean backward", spread, 1, gpu.tolerance()) == "");
    }
  });
}

TEST_CASE("GPU: images normalised", "[gpu][image]") {
  for_both_tables(75, [](Gpu& gpu) {
    const NormalizeParams p{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    for (HostLayout layout : {HostLayout::ChannelsLast, HostLayout::Contiguous})
      for (std::int64_t width : {1, 7, 8, 33}) {  // 8: whole packs
        Operands contiguous(HostLayout::Contiguous, 76);
        const HostTensor drawn = contiguous.integers({3, 11, width, 3}, DType::UInt8, 0, 255).fast;
        HostTensor pixels(drawn.dims(), DType::UInt8, HostLayout::Contiguous, &gpu.backend);
        pixels.fill_from([&](std::int64_t i) { return drawn.get(i); });
        const Dims y_dims{3, 3, 11, width};
        const HostTensor y(y_dims, gpu.dtype, layout, &gpu.backend), expected(y_dims, DType::Float64);
        gpu.backend.table(gpu.dtype).image.normalize(gpu.ctx, pixels, y, p);
        oracle_table().image.normalize(gpu.ctx, drawn, expected, p);
        CHECK(mismatch(gpu.label() + name_of(layout) + " " + to_string(y_dims), y, expected, 1, gpu.tolerance()) == "");
      }
  });
}
