// Inference convolutions in whole numbers (Precision::Int16, Int8), asked for by name, against the reference in
// double.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/int8.h"
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/isa.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const cpu::ConvImplementation* const kWholeNumbers[] = {&cpu::kInt16, &cpu::kInt16Winograd4, &cpu::kInt16Winograd2,
                                                        &cpu::kInt8};

/// Empty where the sums of `depth` uniform numbers are as near as rounding allows. 16 bits: each is at most half a unit
/// of 1/32000 of the norm away, which makes 1.3e-5 * sqrt(depth) of the sums' size; eight times that, and four times
/// as much at the edges of tiles of 4 x 4. 8 bits: half a unit of 1/127, 5.6e-3 whatever the depth; eight times that.
std::string whole_mismatch(const cpu::ConvImplementation& i, const std::string& what, const Operand& y,
                           std::int64_t depth) {
  if (&i == &cpu::kInt8) return mismatch(what, y, 1, 4.5e-2);
  return mismatch(what, y, depth, &i == &cpu::kInt16Winograd4 ? 4e-4 : 1e-4);
}

/// The shared list's cases of whole sixteens, and more: several blocks, depths of a network, few pixels.
std::vector<ConvCase> int16_cases() {
  std::vector<ConvCase> some;
  for (const ConvCase& c : conv_cases())
    if (c.params.groups == 1 && c.x[1] % 16 == 0) some.push_back(c);
  some.push_back({{1, 1024, 5, 5}, {48, 1024, 1, 1}, same_padding(1, 0)});
  some.push_back({{2, 48, 21, 30}, {37, 48, 1, 1}, same_padding(1, 0)});
  some.push_back({{1, 256, 7, 7}, {32, 256, 3, 3}, same_padding(1, 1)});
  some.push_back({{3, 16, 3, 3}, {16, 16, 3, 3}, same_padding(1, 0)});
  some.push_back({{1, 64, 15, 13}, {64, 64, 3, 3}, same_padding(2, 1)});
  return some;
}

struct Int16Problem {
  Operand x, w, bias, residual;

  Int16Problem(Operands& make, const ConvCase& c)
      : x(make.input(c.x)), w(weights(make, c.w)), bias(make.input({c.w[0]})), residual(make.input(c.y())) {
    w.fast.use_slot();
  }
  /// So small that few outputs meet ReLU6's bound.
  static Operand weights(Operands& make, const Dims& dims) {
    const double size = 3 / std::sqrt(static_cast<double>(dims[1] * dims[2] * dims[3]));
    return make.input(dims, -size, size);
  }
  ConvEpilogue epilogue(Side side, int turn) const {
    return {.bias = turn & 1 ? bias.at(side) : nullptr,
            .residual = turn & 2 ? residual.at(side) : nullptr,
            .activation = static_cast<Activation>(turn % 3)};
  }
};

/// One that allows all of them.
cpu::ConvCall int16_call(const Int16Problem& p, const ConvCase& c, const Operand& y, int turn) {
  return {ConvDirection::Forward,       p.x.fast, p.w.fast,       y.fast, c.params,
          p.epilogue(Side::Fast, turn), true,     Precision::Int8};
}

}  // namespace

TEST_CASE("int16: forward with all that is fused", "[conv][int16]") {
  int turn = 0, taken = 0;
  for (const ConvCase& c : int16_cases())
    for (const cpu::ConvImplementation* i : kWholeNumbers)
      for (const int threads : {1, 3}) {
        Operands make(HostLayout::ChannelsLast, 5);
        const Int16Problem p(make, c);
        Operand y = make.output(c.y());
        ExecContext ctx(threads);
        const cpu::ConvCall call = int16_call(p, c, y, ++turn);
        if (i->refuses(call)) continue;
        ++taken;
        i->run(ctx, call);
        oracle_table().conv.forward_fused(ctx, p.x.oracle, p.w.oracle, p.epilogue(Side::Oracle, turn), y.oracle,
                                          c.params);
        CHECK(whole_mismatch(*i, i->name + (" " + c.params.descriptor(c.x, c.w)), y, c.w[1] * c.w[2] * c.w[3]) == "");
      }
  CHECK(taken > 60);
}

// `-s` prints the table that kernels/cpu/conv/README.md has.
TEST_CASE("int16: rounding", "[conv][int16]") {
  for (const std::int64_t channels : {64, 256, 512})
    for (const cpu::ConvImplementation* i : kWholeNumbers) {
      Operands make(HostLayout::ChannelsLast, 8);
      const ConvCase c{{1, channels, 14, 14}, {32, channels, 3, 3}, same_padding(1, 1)};
      Int16Problem p(make, c);
      p.x = make.input(c.x, 0, 1);
      Operand y = make.output(c.y());
      ExecContext ctx(1);
      if (i->refuses(int16_call(p, c, y, 0))) continue;
      i->run(ctx, int16_call(p, c, y, 0));
      oracle_table().conv.forward(ctx, p.x.oracle, p.w.oracle, nullptr, y.oracle, c.params);
      double difference = 0, size = 0;
      for (std::int64_t j = 0; j < c.y().numel(); ++j) {
        difference += std::pow(y.fast.get(j) - y.oracle.get(j), 2);
        size += std::pow(y.oracle.get(j), 2);
      }
      INFO(channels << " channels, " << i->name << ": " << std::sqrt(difference / size));
      CHECK(std::sqrt(difference / size) < (i == &cpu::kInt8 ? 2e-2 : 1e-3));
    }
}

TEST_CASE("int16: only inference that asks for it", "[conv][int16]") {
  Operands make(HostLayout::ChannelsLast, 6);
  const ConvCase c{{2, 64, 14, 14}, {64, 64, 1, 1}, same_padding(1, 0)};
  const Int16Problem p(make, c);
  const KernelTable& table = cpu_table("onednn", DType::Float32);
  ExecContext ctx(1);
  const auto run = [&](Precision precision, bool fused) {
    Operand y = make.output(c.y());
    KernelReport report;
    ctx.precision = precision, ctx.report = &report;
    if (fused)
      table.conv.forward_fused(ctx, p.x.fast, p.w.fast, {}, y.fast, c.params);
    else
      table.conv.forward(ctx, p.x.fast, p.w.fast, nullptr, y.fast, c.params);
    return report.implementation;
  };
  CHECK(run(Precision::Int16, true) == "int16");
  CHECK(run(Precision::Int8, true) == (cpu_multiplies_int8() ? "int8" : "int16"));
  CHECK(run(Precision::Strict, true).find("int16") == std::string::npos);
  CHECK(run(Precision::Int16, false).find("int16") == std::string::npos);
}

TEST_CASE("int16: the threads change no bit", "[conv][int16]") {
  const ConvCase c{{2, 128, 15, 13}, {64, 128, 3, 3}, same_padding(1, 1)};
  for (const cpu::ConvImplementation* i : kWholeNumbers) {
    Operands make(HostLayout::ChannelsLast, 9);
    const Int16Problem p(make, c);
    Operand one = make.output(c.y()), three = make.output(c.y());
    if (i->refuses(int16_call(p, c, one, 1))) continue;
    ExecContext alone(1), together(3);
    i->run(alone, int16_call(p, c, one, 1));
    i->run(together, int16_call(p, c, three, 1));
    for (std::int64_t j = 0; j < c.y().numel(); ++j) REQUIRE(one.fast.get(j) == three.fast.get(j));
  }
}

TEST_CASE("int16: any size of numbers, zeros, and what is not finite", "[conv][int16][not-finite]") {
  const ConvCase c{{1, 32, 6, 6}, {16, 32, 3, 3}, same_padding(1, 1)};
  for (const cpu::ConvImplementation* i : kWholeNumbers) {
    if (i == &cpu::kInt8 && !cpu::simd().quantized8_product) continue;
    for (const double size : {1e-25, 1e-12, 1e12, 1e25}) {
      Operands make(HostLayout::ChannelsLast, 7);
      Int16Problem p(make, c);
      for (std::int64_t j = 0; j < c.x.numel(); ++j) {
        const double v = j < c.x.numel() / 2 ? 0 : p.x.oracle.get(j) * size;
        p.x.fast.set(j, v), p.x.oracle.set(j, p.x.fast.get(j));
      }
      Operand y = make.output(c.y());
      ExecContext ctx(1);
      i->run(ctx, int16_call(p, c, y, 0));
      oracle_table().conv.forward(ctx, p.x.oracle, p.w.oracle, nullptr, y.oracle, c.params);
      CHECK(whole_mismatch(*i, i->name + (" of " + std::to_string(size)), y, 288) == "");
    }
    for (const double bad : {double(NAN), double(INFINITY)}) {
      Operands make(HostLayout::ChannelsLast, 8);
      Int16Problem p(make, c);
      p.x.fast.set(14, bad);  // row 2, column 2 of the first channel
      Operand y = make.output(c.y());
      ExecContext ctx(1);
      i->run(ctx, int16_call(p, c, y, 0));
      for (std::int64_t k = 0; k < 16; ++k)
        for (std::int64_t q = 0; q < 36; ++q) {
          const bool touched = q / 6 >= 1 && q / 6 <= 3 && q % 6 >= 1 && q % 6 <= 3;
          REQUIRE(std::isfinite(y.fast.get(k * 36 + q)) != touched);
        }
    }
  }
}

TEST_CASE("int16: a weight that is not finite shows", "[conv][int16][not-finite]") {
  const ConvCase c{{1, 32, 6, 6}, {16, 32, 3, 3}, same_padding(1, 1)};
  for (const cpu::ConvImplementation* i : kWholeNumbers)
    for (const double bad : {double(NAN), double(INFINITY)}) {
      Operands make(HostLayout::ChannelsLast, 8);
      Int16Problem p(make, c);
      p.w.fast.set(40, bad);  // of the first output
      Operand y = make.output(c.y());
      ExecContext ctx(1);
      if (i->refuses(int16_call(p, c, y, 0))) continue;
      i->run(ctx, int16_call(p, c, y, 0));
      REQUIRE_FALSE(std::isfinite(y.fast.get(14)));
      REQUIRE(std::isfinite(y.fast.get(36 + 14)));
    }
}

TEST_CASE("int16: the numbers of a row", "[int16]") {
  std::vector<float> row(48);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(std::sin(double(i) * i)) * (i % 7 ? 1 : 40);
  std::vector<std::int16_t> numbers(48);
  const float* runs[3] = {row.data(), row.data() + 16, row.data() + 32};
  const float unit = cpu::simd().quantize(runs, 3, 16, numbers.data());
  double square = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    CHECK(std::abs(row[i] - double(unit) * numbers[i]) <= 0.501 * unit);
    square += double(numbers[i]) * numbers[i];
  }
  CHECK(std::sqrt(square) == Approx(32000).epsilon(1e-4));
  // One number has all of the norm, the products of two such rows still fit into 32 bits.
  std::fill(row.begin(), row.end(), 0.0f);
  row[5] = -3;
  const float unit_of_one = cpu::simd().quantize(runs, 3, 16, numbers.data());
  CHECK(numbers[5] == -32000);
  CHECK(double(unit_of_one) * numbers[5] == Approx(-3));
  row[5] = 0;
  CHECK(cpu::simd().quantize(runs, 3, 16, numbers.data()) == 0);
  // Over itself.
  for (std::size_t i = 0; i < 16; ++i) row[i] = static_cast<float>(i) - 7;
  std::vector<float> over = row;
  const float* first = over.data();
  const float u = cpu::simd().quantize(&first, 1, 48, reinterpret_cast<std::int16_t*>(over.data()));
  const auto* got = reinterpret_cast<const std::int16_t*>(over.data());
  for (int i = 0; i < 48; ++i) CHECK(std::abs(row[static_cast<std::size_t>(i)] - double(u) * got[i]) <= 0.501 * u);
}

TEST_CASE("int8: the numbers of a row", "[int16]") {
  if (!cpu::simd().quantize8) return;  // this processor does not multiply them
  std::vector<float> row(32);
  std::vector<std::uint8_t> numbers(32);
  for (const float least : {-1.0f, 0.0f}) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = least + static_cast<float>(i * i) / 300;
    const float* runs[2] = {row.data(), row.data() + 16};
    std::int32_t zero = -1;
    const float unit = cpu::simd().quantize8(runs, 2, 16, numbers.data(), &zero);
    CHECK(zero == (least < 0 ? 128 : 0));
    CHECK(unit == Approx(row.back() / (least < 0 ? 127 : 255)));
    for (std::size_t i = 0; i < row.size(); ++i) CHECK(std::abs(row[i] - unit * (numbers[i] - zero)) <= 0.501f * unit);
  }
}
