// A convolution that gathers the moments of its output, and the batch norm that is given them, against the reference in
// double. A table without the two entries takes the moments in the norm.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/reproducibility.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// The shared list, and outputs of more than one strip, of channels that fill vectors and that do not.
std::vector<ConvCase> moment_cases() {
  std::vector<ConvCase> cases = conv_cases();
  cases.push_back({{3, 8, 67, 61}, {8, 1, 3, 3}, same_padding(1, 1, 8)});
  cases.push_back({{2, 24, 41, 43}, {24, 1, 3, 3}, same_padding(2, 1, 24)});
  cases.push_back({{3, 3, 45, 47}, {12, 3, 3, 3}, same_padding(2, 1)});
  cases.push_back({{3, 16, 29, 31}, {40, 16, 1, 1}, same_padding(1, 0)});
  cases.push_back({{3, 32, 13, 15}, {48, 32, 3, 3}, same_padding(1, 1)});
  std::erase_if(cases, [](const ConvCase& c) { return c.y().numel() / c.w[0] < 2; });
  return cases;
}

struct Tensors {
  ConvCase c;
  Operand x, w, bias, gamma, beta;
  Operand y, moments, z, mean, invstd;

  Tensors(Operands& make, const ConvCase& of, double offset)
      : c(of),
        x(make.input(of.x, 0, 1)),
        w(make.input(of.w)),
        bias(make.input({of.w[0]}, offset - 1, offset + 1)),
        gamma(make.input({of.w[0]}, 0.5, 2)),
        beta(make.input({of.w[0]})),
        y(make.output(of.y())),
        moments(make.output({2, of.w[0]}, DType::Float64)),
        z(make.output(of.y())),
        mean(make.output({of.w[0]})),
        invstd(make.output({of.w[0]})) {}

  void run(const KernelTable& k, ExecContext& ctx, Activation activation = Activation::None) const {
    const Side s = Side::Fast;
    k.conv.forward_moments(ctx, x[s], w[s], bias.at(s), y[s], moments[s], c.params);
    k.norm.batch_norm_from_moments(ctx, y[s], moments[s], gamma[s], beta[s], nullptr, z[s], mean[s], invstd[s], nullptr,
                                   nullptr, {.activation = activation});
  }
  /// Runs, and compares with the norm of the y that came out: few pixels' variance may be all rounding. y itself is
  /// compared with the convolution's.
  void check(const TableUnderTest& t, Activation activation) {
    run(t.table, t.ctx, activation);
    const std::string label = t.label() + " " + c.descriptor();
    oracle_table().conv.forward(t.ctx, x.oracle, w.oracle, bias.at(Side::Oracle), y.oracle, c.params);
    CHECK(mismatch(label + " y", y, c.depth(), conv_tolerance(t, c)) == "");
    for (std::int64_t i = 0; i < c.y().numel(); ++i) y.oracle.set(i, y.fast.get(i));
    oracle_table().norm.batch_norm_train(t.ctx, y.oracle, gamma.oracle, beta.oracle, nullptr, z.oracle, mean.oracle,
                                         invstd.oracle, nullptr, nullptr, {.activation = activation});
    const std::int64_t m = c.y().numel() / c.w[0];
    CHECK(mismatch(label + " mean", mean, m) == "");
    CHECK(mismatch(label + " invstd", invstd, m) == "");
    if (t.name == "ref") {  // the reference does not round the statistics first
      CHECK(mismatch(label + " norm", z) == "");
      return;
    }
    HostTensor var({c.w[0]}, DType::Float64);
    for (std::int64_t k = 0; k < c.w[0]; ++k) {  // the norm of the rounded statistics, which backward has too
      const double s = invstd.fast.get(k);
      mean.oracle.set(k, mean.fast.get(k));
      var.set(k, 1 / (s * s) - BatchNormParams{}.eps);
    }
    oracle_table().norm.batch_norm_eval(t.ctx, y.oracle, gamma.oracle, beta.oracle, mean.oracle, var, nullptr, z.oracle,
                                        {.activation = activation});
    CHECK(mismatch(label + " norm", z, 4) == "");
  }
};

}  // namespace

TEST_CASE("moments of a convolution's output, and the norm behind it", "[conv][norm][moments]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.forward_moments) return;
    Operands make(t, 81);
    int turn = 0;
    for (const ConvCase& c : moment_cases()) Tensors(make, c, 2).check(t, static_cast<Activation>(turn++ % 3));
  });
}

TEST_CASE("moments far from zero keep their digits", "[conv][norm][moments]") {
  // y is of floats near 1000, which differ by some units: E[y^2] - E[y]^2 in float would keep no digit of the variance.
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.forward_moments) return;
    Operands make(t, 82);
    for (const ConvCase& c : moment_cases())
      if (c.y().numel() / c.w[0] >= 100) Tensors(make, c, 1000).check(t, Activation::None);
  });
}

TEST_CASE("moments: NaN and infinity as in the reference", "[conv][norm][moments][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    if (!t.table.conv.forward_moments) return;
    Operands make(t, 83);
    int seen = 0;
    for (const ConvCase& c : moment_cases())
      for (const double bad : {double{NAN}, double{INFINITY}, -double{INFINITY}})
        for (const bool in_bias : {false, true}) {
          if (c.y().numel() > 60'000) continue;
          Tensors a(make, c, 0);
          Operand& spoiled = in_bias ? a.bias : a.x;
          const std::int64_t at = spoiled.oracle.dims().numel() / 2;
          spoiled.fast.set(at, bad);
          spoiled.oracle.set(at, bad);
          a.check(t, Activation::None);
          for (const double v : a.mean.oracle.values()) seen += !std::isfinite(v);
        }
    CHECK(seen > 100);
  });
}

TEST_CASE("moments: thread-invariant means the same bits for any number of threads", "[conv][moments][invariant]") {
  set_thread_invariant(true);
  Operands make(HostLayout::ChannelsLast, 84);
  ExecContext one(1), three(3), four(4);
  for (const char* name : {"simd", "onednn"})
    for (const ConvCase& c : moment_cases()) {
      const Tensors a(make, c, 1);
      std::vector<double> expected;
      for (ExecContext* ctx : {&one, &three, &four}) {
        a.run(cpu_table(name, DType::Float32), *ctx);
        if (ctx == &one) expected = a.moments.fast.values();
        INFO(name << " " << c.descriptor() << " " << ctx->threads() << " threads");
        CHECK(a.moments.fast.values() == expected);
      }
    }
  set_thread_invariant(false);
}
