// A first layer that reads pictures as they are stored: against the reference in double, and to the bit against the two
// kernels that it stands for. A table without the entry calls those two.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const NormalizeParams kImagenet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

/// The shared list's cases of three channels and those of first layers: odd sizes, each number of outputs up to 16 and
/// more, strides and paddings unlike.
std::vector<ConvCase> pixel_cases() {
  std::vector<ConvCase> cases;
  for (const ConvCase& c : conv_cases())
    if (c.x[1] == 3) cases.push_back(c);
  for (int k = 1; k <= 17; ++k) {
    const std::int64_t h = 5 + 3 * k % 11, w = 4 + 7 * k % 29;
    cases.push_back({{1 + k % 3, 3, h, w}, {k, 3, 3, 3}, same_padding(1 + k % 3, k % 2)});
  }
  const Conv2dParams keras{.stride_h = 2, .stride_w = 2, .pad_bottom = 1, .pad_right = 1};
  cases.push_back({{2, 3, 33, 47}, {8, 3, 3, 3}, keras});
  cases.push_back({{2, 3, 17, 19}, {64, 3, 7, 7}, same_padding(2, 3)});
  cases.push_back({{3, 3, 9, 10}, {5, 3, 2, 4}, {.stride_h = 3, .pad_top = 2, .pad_left = 1, .pad_right = 3}});
  cases.push_back({{1, 3, 1, 1}, {8, 3, 3, 3}, same_padding(1, 1)});
  cases.push_back({{2, 3, 40, 64}, {3, 1, 3, 3}, same_padding(1, 1, 3)});
  return cases;
}

/// One layer's tensors.
struct Layer {
  ConvCase c;
  Operand pixels, w, bias, residual;

  Layer(const TableUnderTest& t, Operands& make, const ConvCase& of)
      : c(of),
        pixels{t.tensor({of.x[0], of.x[2], of.x[3], 3}, DType::UInt8),
               HostTensor({of.x[0], of.x[2], of.x[3], 3}, DType::UInt8)},
        w(make.input(of.w)),
        bias(make.input({of.w[0]})),
        residual(make.input(of.y())) {
    pixels.oracle.fill_from([&](std::int64_t) { return std::floor(make.uniform(0, 255.99)); });
    pixels.fast.fill_from([&](std::int64_t i) { return pixels.oracle.get(i); });
  }

  /// What stands behind the convolution follows from `turn`.
  ConvEpilogue epilogue(Side s, int turn) const {
    return {.bias = turn % 4 ? bias.at(s) : nullptr,
            .residual = turn % 5 ? nullptr : residual.at(s),
            .activation = static_cast<Activation>(turn % 3)};
  }
  void run(const KernelTable& k, ExecContext& ctx, Side s, const Operand& to, int turn,
           const NormalizeParams& n = kImagenet) const {
    k.conv.pixels_fused(ctx, pixels[s], n, w[s], epilogue(s, turn), to[s], c.params);
  }
  /// By the two kernels.
  void run_in_two(const TableUnderTest& t, Operands& make, const Operand& to, int turn,
                  const NormalizeParams& n) const {
    const Operand x = make.output(c.x);
    t.table.image.normalize(t.ctx, pixels.fast, x.fast, n);
    t.table.conv.forward_fused(t.ctx, x.fast, w.fast, epilogue(Side::Fast, turn), to.fast, c.params);
  }
};

bool same_bits(const Operand& a, const Operand& b) {
  const std::vector<double> x = a.fast.values(), y = b.fast.values();
  return std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("ref: a convolution of pixels by hand, padding is zero behind the normalization", "[ref][conv][pixels]") {
  ExecContext ctx(1);
  // Two pixels: black and white. Normalized with mean 0.5 and deviations 1/2, 1/4, 1/8: -1, -2, -4 and 1, 2, 4.
  const HostTensor pixels({1, 1, 2, 3}, {0, 0, 0, 255, 255, 255}, DType::UInt8), bias({1}, {100});
  const HostTensor w({1, 3, 1, 3}, {1, 10, 100, 2, 20, 200, 3, 30, 300});  // of red, green, blue: left, middle, right
  HostTensor y({1, 1, 1, 2}, DType::Float64);
  const NormalizeParams n{{0.5f, 0.5f, 0.5f}, {0.5f, 0.25f, 0.125f}};
  oracle_table().conv.pixels_fused(ctx, pixels, n, w, {.bias = &bias.view()}, y, {.pad_left = 1, .pad_right = 1});
  // 10 * -1 + 20 * -2 + 30 * -4 = -170, right of it 100 + 400 + 1200; left of the second -1 - 4 - 12.
  CHECK(y.values() == std::vector<double>{100 - 170 + 1700, 100 - 17 + 170});
}

TEST_CASE("pixels convolution", "[conv][pixels]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.pixels_fused) return;
    Operands make(t, 41);
    int turn = 0;
    for (const ConvCase& c : pixel_cases()) {
      const Layer layer(t, make, c);
      Operand y = make.output(c.y());
      run_both(t, [&](const KernelTable& k, Side s) { layer.run(k, t.ctx, s, y, turn); });
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.depth()) == "");
      ++turn;
    }
  });
}

TEST_CASE("pixels convolution: the bits of normalizing and convolving, whatever the numbers", "[conv][pixels]") {
  const float inf = INFINITY, nan = NAN;
  const NormalizeParams numbers[] = {kImagenet,
                                     {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
                                     {{0.5071f, 0.4867f, 0.4408f}, {0.2675f, 0.2565f, 0.2761f}},
                                     {{0, 1, -3}, {1e-30f, 1e30f, 7}},
                                     {{0.2f, 0.4f, nan}, {0, inf, 1}}};
  for_each_table([&](const TableUnderTest& t) {
    if (!t.table.conv.pixels_fused || !t.table.image.normalize) return;
    Operands make(t, 42);
    int turn = 0;
    for (const ConvCase& c : pixel_cases())
      for (const NormalizeParams& n : numbers) {
        Layer layer(t, make, c);
        if (turn % 7 == 3) layer.w.fast.set(c.w.numel() / 2, turn % 2 ? inf : nan);
        Operand y = make.output(c.y()), expected = make.output(c.y());
        layer.run(t.table, t.ctx, Side::Fast, y, turn, n);
        layer.run_in_two(t, make, expected, turn, n);
        INFO(t.label() << " " << c.descriptor());
        CHECK(same_bits(y, expected));
        CHECK(y.fast.canaries_intact());
        ++turn;
      }
  });
}

TEST_CASE("pixels convolution: NaN and infinity as in the reference", "[conv][pixels][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.pixels_fused) return;
    Operands make(t, 43);
    int turn = 0, seen = 0;
    for (const ConvCase& c : pixel_cases()) {
      Layer layer(t, make, c);
      for (Operand* o : {&layer.w, &layer.bias}) {
        const double bad = turn % 2 ? double{NAN} : double{INFINITY};
        const std::int64_t at = o->oracle.dims().numel() / 2;
        o->fast.set(at, bad);
        o->oracle.set(at, bad);
      }
      Operand y = make.output(c.y());
      run_both(t, [&](const KernelTable& k, Side s) { layer.run(k, t.ctx, s, y, turn); });
      for (const double v : y.oracle.values()) seen += !std::isfinite(v);
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.depth()) == "");
      ++turn;
    }
    CHECK(seen > 100);
  });
}

TEST_CASE("pixels convolution: the number of threads changes no bit", "[conv][pixels][invariant]") {
  ExecContext one(1), three(3);
  const KernelTable& table = cpu_table("simd", DType::Float32);
  const TableUnderTest t{"simd", table, HostLayout::ChannelsLast, one};
  Operands make(t, 44);
  for (const ConvCase& c : pixel_cases()) {
    if (c.w[0] > 16) continue;
    const Layer layer(t, make, c);
    Operand y = make.output(c.y()), z = make.output(c.y());
    layer.run(table, one, Side::Fast, y, 1);
    layer.run(table, three, Side::Fast, z, 1);
    CHECK(same_bits(y, z));
  }
}

TEST_CASE("pixels convolution: few outputs are computed without a copy, many by way of one", "[conv][pixels]") {
  ExecContext ctx(1);
  const KernelTable& table = cpu_table("onednn", DType::Float32);
  const TableUnderTest t{"onednn", table, HostLayout::ChannelsLast, ctx};
  Operands make(t, 45);
  const auto taken = [&](std::int64_t outputs) {
    const Layer layer(t, make, {{1, 3, 20, 20}, {outputs, 3, 3, 3}, same_padding(2, 1)});
    Operand y = make.output(layer.c.y());
    KernelReport report;
    ctx.report = &report;
    layer.run(table, ctx, Side::Fast, y, 1);
    ctx.report = nullptr;
    return report.implementation;
  };
  CHECK(taken(8) == "few-channels");
  CHECK(taken(16) == "few-channels");
  CHECK(taken(17) != "few-channels");
}
