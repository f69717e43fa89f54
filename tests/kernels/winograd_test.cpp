// Winograd's convolution, both sizes of tiles, asked for by name: every direction against the reference in double, how
// far it rounds, and numbers that are not finite.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/cpu/conv/implementation.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const cpu::ConvImplementation* const kSizes[] = {&cpu::kWinograd4, &cpu::kWinograd2};

/// 4 ulp as for direct sums (tests/support/compare.h) with tiles of 2 x 2, 16 with those of 4 x 4.
double tolerance(const cpu::ConvImplementation& i) { return &i == &cpu::kWinograd4 ? 4 * 4.8e-7 : 4.8e-7; }

struct Shape {
  Dims x;
  std::int64_t k;
  Conv2dParams params;

  Dims w() const { return {k, x[1], 3, 3}; }
  Dims y() const { return params.output_dims(x, w()); }
};

/// Fewer outputs than a tile, pictures that are not whole tiles, blocks that are not full, paddings unlike.
std::vector<Shape> shapes() {
  return {{{1, 16, 1, 1}, 16, same_padding(1, 1)},
          {{2, 16, 3, 3}, 32, same_padding(1, 0)},
          {{3, 32, 7, 7}, 48, same_padding(1, 1)},
          {{1, 48, 5, 14}, 16, same_padding(1, 2)},
          {{5, 64, 13, 9}, 16, {.pad_top = 2, .pad_left = 0, .pad_bottom = 1, .pad_right = 2}},
          {{2, 16, 33, 30}, 80, same_padding(1, 1)}};
}

std::string named(const cpu::ConvImplementation* i, const Shape& s, int threads) {
  return std::string(i->name) + " " + s.params.descriptor(s.x, s.w()) + " " + std::to_string(threads) + " threads";
}

template <class F>
void for_each_problem(F f) {
  for (const cpu::ConvImplementation* i : kSizes)
    for (const int threads : {1, 3})
      for (const Shape& s : shapes()) {
        ExecContext ctx(threads);
        f(*i, ctx, s, named(i, s, threads));
      }
}

}  // namespace

TEST_CASE("winograd: forward with all that is fused, weights kept or not", "[conv][winograd]") {
  for_each_problem([](const cpu::ConvImplementation& i, ExecContext& ctx, const Shape& s, const std::string& what) {
    Operands make(HostLayout::ChannelsLast, 5);
    const Operand x = make.input(s.x), bias = make.input({s.k}), residual = make.input(s.y());
    Operand w = make.input(s.w());
    w.fast.use_slot();
    for (const bool inference : {false, true, true}) {
      Operand y = make.output(s.y());
      const auto epilogue = [&](Side side) {
        return ConvEpilogue{.bias = bias.at(side), .residual = residual.at(side), .activation = Activation::ReLU};
      };
      const cpu::ConvCall call{ConvDirection::Forward, x.fast,   w.fast, y.fast, s.params,
                               epilogue(Side::Fast),   inference};
      REQUIRE(i.refuses(call) == nullptr);
      i.run(ctx, call);
      oracle_table().conv.forward_fused(ctx, x.oracle, w.oracle, epilogue(Side::Oracle), y.oracle, s.params);
      CHECK(mismatch(what, y, s.x[1] * 9, tolerance(i)) == "");
    }
  });
}

TEST_CASE("winograd: both gradients", "[conv][winograd]") {
  for_each_problem([](const cpu::ConvImplementation& i, ExecContext& ctx, const Shape& s, const std::string& what) {
    Operands make(HostLayout::ChannelsLast, 6);
    const Operand x = make.input(s.x), w = make.input(s.w()), dy = make.input(s.y());
    Operand dx = make.output(s.x), dw = make.output(s.w());
    i.run(ctx, {ConvDirection::GradInput, dx.fast, w.fast, dy.fast, s.params});
    oracle_table().conv.grad_input(ctx, dy.oracle, w.oracle, dx.oracle, s.params);
    CHECK(mismatch(what + " dx", dx, s.k * 9, tolerance(i)) == "");
    i.run(ctx, {ConvDirection::GradWeight, x.fast, dw.fast, dy.fast, s.params});
    oracle_table().conv.grad_weight(ctx, dy.oracle, x.oracle, dw.oracle, s.params);
    // A tile's sum is as long as the tile, whatever of it lies outside.
    const std::int64_t m = &i == &cpu::kWinograd4 ? 4 : 2, tiles = (s.y()[2] + m - 1) / m * ((s.y()[3] + m - 1) / m);
    CHECK(mismatch(what + " dw", dw, s.x[0] * tiles * m * m, tolerance(i)) == "");
  });
}

TEST_CASE("winograd: packed weights follow the weight", "[conv][winograd]") {
  Operands make(HostLayout::ChannelsLast, 7);
  const Shape s{{1, 16, 8, 8}, 16, same_padding(1, 1)};
  const Operand x = make.input(s.x);
  Operand w = make.input(s.w());
  w.fast.use_slot();
  ExecContext ctx(1);
  for (const double value : {0.0, 0.75}) {
    w.fast.set(0, value), w.oracle.set(0, value);
    w.fast.bump_version();
    Operand y = make.output(s.y());
    cpu::kWinograd4.run(ctx, {ConvDirection::Forward, x.fast, w.fast, y.fast, s.params, {}, true});
    oracle_table().conv.forward(ctx, x.oracle, w.oracle, nullptr, y.oracle, s.params);
    CHECK(mismatch("weight " + std::to_string(value), y, 144, tolerance(cpu::kWinograd4)) == "");
  }
}

namespace {

/// Size of the difference in relation to the size of what is expected (root mean squares).
double relative_error(const HostTensor& got, const HostTensor& expected) {
  double difference = 0, size = 0;
  for (std::int64_t i = 0; i < expected.dims().numel(); ++i) {
    difference += std::pow(got.get(i) - expected.get(i), 2);
    size += std::pow(expected.get(i), 2);
  }
  return std::sqrt(difference / size);
}

struct Errors {
  double forward, grad_weight;
};

Errors errors_of(const cpu::ConvImplementation& i, std::int64_t channels) {
  Operands make(HostLayout::ChannelsLast, 8);
  const Shape s{{1, channels, 14, 14}, 32, same_padding(1, 1)};
  const Operand x = make.input(s.x, 0, 1), w = make.input(s.w()), dy = make.input(s.y());
  Operand y = make.output(s.y()), dw = make.output(s.w());
  ExecContext ctx(1);
  oracle_table().conv.forward(ctx, x.oracle, w.oracle, nullptr, y.oracle, s.params);
  oracle_table().conv.grad_weight(ctx, dy.oracle, x.oracle, dw.oracle, s.params);
  i.run(ctx, {ConvDirection::Forward, x.fast, w.fast, y.fast, s.params});
  i.run(ctx, {ConvDirection::GradWeight, x.fast, dw.fast, dy.fast, s.params});
  return {relative_error(y.fast, y.oracle), relative_error(dw.fast, dw.oracle)};
}

}  // namespace

// Tiles of 2 x 2 round as a direct sum does, those of 4 x 4 two to three times as far. oneDNN's own sums of the
// weights' gradient are closer on AVX-512 than on AVX2: the same errors of ours are 1.75 to 1.85 of its there. `-s`
// prints the table that kernels/cpu/conv/README.md has.
TEST_CASE("winograd: rounding beside the direct sum's", "[conv][winograd]") {
  for (const std::int64_t channels : {64, 256, 512}) {
    const Errors direct = errors_of(cpu::kOneDnn, channels);
    for (const cpu::ConvImplementation* i : kSizes) {
      const Errors e = errors_of(*i, channels);
      const double times = i == &cpu::kWinograd4 ? 4 : 2;
      INFO(channels << " channels, " << i->name << ": forward " << e.forward << " beside " << direct.forward
                    << ", grad_weight " << e.grad_weight << " beside " << direct.grad_weight);
      CHECK(e.forward < times * direct.forward);
      CHECK(e.grad_weight < times * direct.grad_weight);
    }
  }
}

TEST_CASE("winograd: what is not finite stays where it belongs, also with the residual in the output",
          "[conv][winograd][not-finite]") {
  Operands make(HostLayout::ChannelsLast, 9);
  const Shape s{{2, 16, 9, 9}, 32, same_padding(1, 1)};
  for (const cpu::ConvImplementation* i : kSizes)
    for (const double bad : {double(NAN), double(INFINITY), 3e38}) {
      Operand x = make.input(s.x, 0.5, 1), w = make.input(s.w(), 0.5, 1);
      const std::int64_t at = (16 + 3) * 81 + 40;
      x.fast.set(at, bad), x.oracle.set(at, x.fast.get(at));
      Operand y = make.input(s.y());
      const HostTensor residual = y.oracle.as(DType::Float64, HostLayout::Contiguous);
      ExecContext ctx(2);
      i->run(ctx, {ConvDirection::Forward, x.fast, w.fast, y.fast, s.params, {.residual = &y.fast.view()}});
      oracle_table().conv.forward_fused(ctx, x.oracle, w.oracle, {.residual = &residual.view()}, y.oracle, s.params);
      if (bad != 3e38) {
        CHECK(mismatch(i->name + std::string(" ") + std::to_string(bad), y, 144, tolerance(*i)) == "");
        continue;
      }
      // Outputs that are finite but for the way they are found; where the sum itself leaves float, it is infinite.
      for (std::int64_t j = 0; j < y.oracle.dims().numel(); ++j)
        REQUIRE(std::isfinite(static_cast<float>(y.oracle.get(j))) == std::isfinite(y.fast.get(j)));
    }
}
