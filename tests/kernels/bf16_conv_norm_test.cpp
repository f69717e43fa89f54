// The mixed-precision tables against the reference in double, on inputs rounded to bfloat16:
// convolution and batch normalisation. What is bfloat16 in the result may be off by its rounding,
// what stays float32 by no more than anywhere.
#include <catch2/catch.hpp>

#include "tests/support/cases_conv.h"
#include "tests/support/cases_norm.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

constexpr double kFloatTolerance = 4.8e-7;

}  // namespace

TEST_CASE("bf16 conv2d forward and fused", "[conv][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 81);
    int turn = 0;
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x, -1, 2, kNarrow), w = make.input(c.w, -1, 1, kNarrow);
      const Operand bias = make.input({c.w[0]}), residual = make.input(c.y(), -1, 1, kNarrow);
      Operand plain = make.output(c.y(), kNarrow);
      run_both(t,
               [&](const KernelTable& k, Side s) { k.conv.forward(t.ctx, x[s], w[s], nullptr, plain[s], c.params); });
      CHECK(narrow_mismatch(t.label() + " " + c.descriptor(), plain) == "");
      for (int i = 0; i < 3; ++i, turn += 5) {
        const auto activation = static_cast<Activation>(turn % 3);
        const bool with_bias = turn / 3 % 2, with_residual = turn / 6 % 2;
        Operand y = make.output(c.y(), kNarrow);
        run_both(t, [&](const KernelTable& k, Side s) {
          k.conv.forward_fused(t.ctx, x[s], w[s],
                               {with_bias ? bias.at(s) : nullptr, with_residual ? residual.at(s) : nullptr, activation},
                               y[s], c.params);
        });
        CHECK(narrow_mismatch(t.label() + " " + c.descriptor() + " activation " + std::to_string(turn % 3) +
                                  (with_bias ? " bias" : "") + (with_residual ? " residual" : ""),
                              y) == "");
      }
    }
  });
}

TEST_CASE("bf16 conv2d gradients", "[conv][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 82);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x, -1, 1, kNarrow), w = make.input(c.w, -1, 1, kNarrow);
      const Operand dy = make.input(c.y(), -1, 1, kNarrow);
      Operand dx = make.output(c.x, kNarrow), dw = make.output(c.w), db = make.output({c.w[0]});
      run_both(t, [&](const KernelTable& k, Side s) {
        k.conv.grad_input(t.ctx, dy[s], w[s], dx[s], c.params);
        k.conv.grad_weight(t.ctx, dy[s], x[s], dw[s], c.params);
        k.conv.grad_bias(t.ctx, dy[s], db[s]);
      });
      const std::string label = t.label() + " " + c.descriptor();
      const std::int64_t m = c.y().numel() / c.w[0];
      CHECK(narrow_mismatch(label + " dx", dx) == "");
      CHECK(mismatch(label + " db", db, m) == "");
      // cuDNN writes a gradient in the type of its operands: float32 sums, rounded once, widened afterwards.
      const bool own = !t.backend || c.params.is_depthwise(c.x, c.w);
      CHECK((own ? mismatch(label + " dw", dw, m) : narrow_mismatch(label + " dw", dw)) == "");
    }
  });
}

TEST_CASE("bf16 batch norm, training and evaluation", "[norm][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 83);
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const BatchNormParams p{.eps = 1e-3, .momentum = 0.3, .activation = c.activation};
      const Operand x = make.input(c.x, -1, 3, kNarrow), res = make.input(c.x, -3, 3, kNarrow);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      const Operand eval_mean = make.input(channels), eval_var = make.input(channels, 0.1, 2);
      Operand y = make.output(c.x, kNarrow), mean = make.output(channels), invstd = make.output(channels);
      Operand running_mean = make.input(channels), running_var = make.input(channels, 0.5, 2);
      Operand eval_y = make.output(c.x, kNarrow);
      run_both(t, [&](const KernelTable& k, Side s) {
        const TensorView* residual = c.residual ? res.at(s) : nullptr;
        k.norm.batch_norm_train(t.ctx, x[s], gamma[s], beta[s], residual, y[s], mean[s], invstd[s], running_mean.at(s),
                                running_var.at(s), p);
        k.norm.batch_norm_eval(t.ctx, x[s], gamma[s], beta[s], eval_mean[s], eval_var[s], residual, eval_y[s], p);
      });
      const std::string label = t.label() + " " + c.descriptor();
      const std::int64_t m = c.x.numel() / c.x[1];
      CHECK(mismatch(label + " mean", mean, m) == "");
      CHECK(mismatch(label + " invstd", invstd, m) == "");
      CHECK(mismatch(label + " running mean", running_mean, m) == "");
      CHECK(mismatch(label + " running var", running_var, m) == "");
      CHECK(narrow_mismatch(label + " y", y) == "");
      CHECK(narrow_mismatch(label + " evaluation", eval_y) == "");
    }
  });
}

TEST_CASE("bf16 batch norm, backward", "[norm][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 84);
    int turn = 0;
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const BatchNormParams p{.eps = 1e-3, .activation = c.activation};
      const Operand x = make.input(c.x, -1, 3, kNarrow), res = make.input(c.x, -3, 3, kNarrow);
      const Operand dy = make.input(c.x, -1, 1, kNarrow);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      const Operand y0 = make.output(c.x), mean0 = make.output(channels), invstd0 = make.output(channels);
      oracle_table().norm.batch_norm_train(t.ctx, x.oracle, gamma.oracle, beta.oracle,
                                           c.residual ? res.at(Side::Oracle) : nullptr, y0.oracle, mean0.oracle,
                                           invstd0.oracle, nullptr, nullptr, p);
      const Operand y = make.from_oracle(y0, kNarrow), mean = make.from_oracle(mean0);
      const Operand invstd = make.from_oracle(invstd0);
      for (bool batch_statistics : {true, false}) {
        const int wanted = turn++ % 5 == 0 ? 15 : turn % 16;
        Operand dx = make.output(c.x, kNarrow), dresidual = make.output(c.x, kNarrow);
        Operand dgamma = make.output(channels), dbeta = make.output(channels);
        run_both(t, [&](const KernelTable& k, Side s) {
          const BatchNormGrads grads{.dx = wanted & 1 ? dx.at(s) : nullptr,
                                     .dgamma = wanted & 2 ? dgamma.at(s) : nullptr,
                                     .dbeta = wanted & 4 ? dbeta.at(s) : nullptr,
                                     .dresidual = wanted & 8 ? dresidual.at(s) : nullptr};
          k.norm.batch_norm_backward(t.ctx, {dy[s], x[s], y[s], gamma[s], mean[s], invstd[s]}, grads, batch_statistics,
                                     p);
        });
        const std::string label = t.label() + " " + c.descriptor() + (batch_statistics ? " batch" : " fixed") +
                                  " wanted " + std::to_string(wanted);
        const std::int64_t m = c.x.numel() / c.x[1];
        CHECK(mismatch(label + " dgamma", dgamma, m, kFloatTolerance) == "");
        CHECK(mismatch(label + " dbeta", dbeta, m, kFloatTolerance) == "");
        CHECK(mismatch(label + " dresidual", dresidual, 1, 0) == "");  // copied or zero
        // One value per channel, or two: dx is 0 but for the rounding of what cancels.
        if (m > 2 || !batch_statistics) CHECK(narrow_mismatch(label + " dx", dx) == "");
      }
    }
  });
}
