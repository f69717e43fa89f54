// MobileNet's block as one kernel, a depthwise convolution and the pointwise one behind it, against the reference in
// double. A table without the entry calls the two convolutions instead.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/reproducibility.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// The shared list's depthwise cases, and maps of more than one strip.
std::vector<ConvCase> separable_cases() {
  std::vector<ConvCase> cases;
  for (const ConvCase& c : conv_cases())
    if (c.params.is_depthwise(c.x, c.w)) cases.push_back(c);
  cases.push_back({{2, 8, 61, 112}, {8, 1, 3, 3}, same_padding(1, 1, 8)});
  cases.push_back({{2, 48, 29, 31}, {48, 1, 3, 3}, same_padding(2, 1, 48)});
  cases.push_back({{3, 130, 9, 7}, {130, 1, 3, 3}, same_padding(1, 1, 130)});
  return cases;
}

constexpr std::int64_t kOutputs[] = {1, 5, 8, 12, 16, 24, 33, 40, 64};

/// One block's tensors.
struct Block {
  ConvCase c;
  std::int64_t k;
  Operand x, depthwise, pointwise, depthwise_bias, bias;

  Block(Operands& make, const ConvCase& of, std::int64_t outputs)
      : c(of),
        k(outputs),
        x(make.input(of.x, -2, 3)),
        depthwise(make.input(of.w)),
        pointwise(make.input({outputs, of.x[1], 1, 1})),
        depthwise_bias(make.input({of.x[1]})),
        bias(make.input({outputs})) {}

  Dims y() const { return {c.y()[0], k, c.y()[2], c.y()[3]}; }
  void use_slots() {
    depthwise.fast.use_slot();
    pointwise.fast.use_slot();
  }
  /// The form and which biases there are follow from `turn`.
  void run(const KernelTable& table, ExecContext& ctx, Side s, const Operand& to, int turn) const {
    const auto between = static_cast<Activation>(turn % 3), after = static_cast<Activation>(turn / 3 % 3);
    table.conv.separable_fused(ctx, x[s], depthwise[s], pointwise[s],
                               {.depthwise_bias = turn % 2 ? nullptr : depthwise_bias.at(s),
                                .between = between,
                                .bias = turn % 5 == 1 ? nullptr : bias.at(s),
                                .activation = after},
                               to[s], c.params);
  }
};

}  // namespace

TEST_CASE("separable convolution, with and without slots for packed weights", "[conv][separable]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.separable_fused) return;
    Operands make(t, 31);
    int turn = 0;
    for (const ConvCase& c : separable_cases())
      for (const bool slots : {true, false}) {
        Block block(make, c, kOutputs[turn++ % std::size(kOutputs)]);
        if (slots) block.use_slots();
        Operand y = make.output(block.y());
        run_both(t, [&](const KernelTable& k, Side s) { block.run(k, t.ctx, s, y, turn); });
        CHECK(mismatch(t.label() + " " + c.descriptor() + " to " + std::to_string(block.k), y, 9 * c.x[1]) == "");
      }
  });
}

TEST_CASE("separable convolution: NaN and infinity as in the reference", "[conv][separable][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.separable_fused) return;
    Operands make(t, 32);
    int turn = 0, seen = 0;
    for (const ConvCase& c : separable_cases()) {
      if (c.y().numel() > 20'000) continue;
      Block block(make, c, kOutputs[turn % std::size(kOutputs)]);
      block.use_slots();
      for (Operand* o : {&block.x, &block.depthwise, &block.pointwise, &block.depthwise_bias, &block.bias})
        for (const double bad : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
          const std::int64_t at = o->oracle.dims().numel() / 2;
          const double before = o->oracle.get(at);
          const auto put = [&](double v) {
            o->fast.set(at, v);
            o->oracle.set(at, v);
            o->fast.bump_version();
          };
          put(bad);
          Operand y = make.output(block.y());
          run_both(t, [&](const KernelTable& k, Side s) { block.run(k, t.ctx, s, y, turn); });
          for (const double v : y.oracle.values()) seen += !std::isfinite(v);
          CHECK(mismatch(t.label() + " " + c.descriptor(), y, 9 * c.x[1]) == "");
          put(before);
          ++turn;
        }
    }
    CHECK(seen > 200);
  });
}

TEST_CASE("separable convolution: the number of threads changes no bit", "[conv][separable][invariant]") {
  Operands make(HostLayout::ChannelsLast, 33);
  ExecContext one(1), three(3);
  for (const ConvCase& c : separable_cases()) {
    Block block(make, c, 24);
    block.use_slots();
    Operand y = make.output(block.y()), z = make.output(block.y());
    block.run(cpu_table("simd", DType::Float32), one, Side::Fast, y, 0);
    block.run(cpu_table("simd", DType::Float32), three, Side::Fast, z, 0);
    CHECK(y.fast.values() == z.fast.values());
  }
}
