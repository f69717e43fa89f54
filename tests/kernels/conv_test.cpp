// Every convolution entry of every CPU table against the reference in double, on the shared case list.
#include <catch2/catch.hpp>

#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {}  // namespace

TEST_CASE("conv2d forward", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 11);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), w = make.input(c.w), bias = make.input({c.w[0]});
      for (bool with_bias : {false, true}) {
        Operand y = make.output(c.y());
        run_both(t, [&](const KernelTable& k, Side s) {
          k.conv.forward(t.ctx, x[s], w[s], with_bias ? bias.at(s) : nullptr, y[s], c.params);
        });
        CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.depth(), conv_tolerance(t, c)) == "");
      }
    }
  });
}

TEST_CASE("conv2d grad_input", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 12);
    for (const ConvCase& c : conv_cases()) {
      const Operand dy = make.input(c.y()), w = make.input(c.w);
      Operand dx = make.output(c.x);
      run_both(t, [&](const KernelTable& k, Side s) { k.conv.grad_input(t.ctx, dy[s], w[s], dx[s], c.params); });
      CHECK(mismatch(t.label() + " " + c.descriptor(), dx, c.w[0] / c.params.groups * c.w[2] * c.w[3],
                     conv_tolerance(t, c)) == "");
    }
  });
}

TEST_CASE("conv2d grad_weight", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 13);
    for (const ConvCase& c : conv_cases()) {
      const Operand dy = make.input(c.y()), x = make.input(c.x);
      Operand dw = make.output(c.w);
      run_both(t, [&](const KernelTable& k, Side s) { k.conv.grad_weight(t.ctx, dy[s], x[s], dw[s], c.params); });
      CHECK(mismatch(t.label() + " " + c.descriptor(), dw, c.y().numel() / c.w[0], conv_tolerance(t, c)) == "");
    }
  });
}

TEST_CASE("conv2d grad_bias", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 14);
    for (const ConvCase& c : conv_cases()) {
      const Operand dy = make.input(c.y());
      Operand db = make.output({c.w[0]});
      run_both(t, [&](const KernelTable& k, Side s) { k.conv.grad_bias(t.ctx, dy[s], db[s]); });
      CHECK(mismatch(t.label() + " " + c.descriptor(), db, c.y().numel() / c.w[0]) == "");
    }
  });
}

TEST_CASE("conv2d forward_fused with every activation, bias and residual", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 15);
    int turn = 0;
    for (const ConvCase& c : conv_cases()) {
      // Scaled so that ReLU6 clips some elements at both ends.
      const Operand x = make.input(c.x, -2, 3), w = make.input(c.w), bias = make.input({c.w[0]}),
                    res = make.input(c.y());
      // Twelve combinations; each case takes three of them, so that every combination meets every kind of case.
      for (int i = 0; i < 3; ++i, turn += 5) {
        const auto activation = static_cast<Activation>(turn % 3);
        const bool with_bias = turn / 3 % 2, with_residual = turn / 6 % 2;
        Operand y = make.output(c.y());
        run_both(t, [&](const KernelTable& k, Side s) {
          const ConvEpilogue e{.bias = with_bias ? bias.at(s) : nullptr,
                               .residual = with_residual ? res.at(s) : nullptr,
                               .activation = activation};
          k.conv.forward_fused(t.ctx, x[s], w[s], e, y[s], c.params);
        });
        CHECK(mismatch(t.label() + " " + c.descriptor() + " activation " + std::to_string(turn % 3) +
                           (with_bias ? " bias" : "") + (with_residual ? " residual" : ""),
                       y, c.depth(), conv_tolerance(t, c)) == "");
      }
    }
  });
}

TEST_CASE("conv2d: packed weights in a slot follow the weights' version", "[conv]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 16);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), dy = make.input(c.y());
      Operand w = make.input(c.w);
      w.fast.use_slot();
      for (int round = 0; round < 3; ++round) {
        Operand y = make.output(c.y()), fused = make.output(c.y()), dx = make.output(c.x);
        run_both(t, [&](const KernelTable& k, Side s) {
          k.conv.forward(t.ctx, x[s], w[s], nullptr, y[s], c.params);
          k.conv.forward_fused(t.ctx, x[s], w[s], {}, fused[s], c.params);
          k.conv.grad_input(t.ctx, dy[s], w[s], dx[s], c.params);
        });
        const std::string label = t.label() + " round " + std::to_string(round) + " " + c.descriptor();
        CHECK(mismatch(label + " forward", y, c.depth(), conv_tolerance(t, c)) == "");
        CHECK(mismatch(label + " fused", fused, c.depth()) == "");
        CHECK(mismatch(label + " grad_input", dx, c.w[0] / c.params.groups * c.w[2] * c.w[3], conv_tolerance(t, c)) ==
              "");
        if (round == 0) continue;  // the second round reads what the first one packed
        const Operand fresh = make.input(c.w);
        w.fast.fill_from([&](std::int64_t i) { return fresh.fast.get(i); });
        w.oracle.fill_from([&](std::int64_t i) { return fresh.fast.get(i); });
        w.fast.bump_version();
      }
    }
  });
}
