// Batch normalisation of every CPU table against the reference in double.
#include <catch2/catch.hpp>

#include "tests/support/cases_norm.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Both {
  const KernelTable& table;
  Side side;
};

std::vector<Both> both(const TableUnderTest& t) { return {{t.table, Side::Fast}, {oracle_table(), Side::Oracle}}; }

BatchNormParams params(const NormCase& c) { return {.eps = 1e-3, .momentum = 0.3, .activation = c.activation}; }

std::int64_t values_per_channel(const NormCase& c) { return c.x.numel() / c.x[1]; }

}  // namespace

TEST_CASE("batch norm, training", "[norm]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 21);
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const Operand x = make.input(c.x, -1, 3), res = make.input(c.x, -3, 3);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      Operand y = make.output(c.x), mean = make.output(channels), invstd = make.output(channels);
      Operand running_mean = make.input(channels), running_var = make.input(channels, 0.5, 2);
      for (const auto& [table, s] : both(t))
        table.norm.batch_norm_train(t.ctx, x[s], gamma[s], beta[s], c.residual ? res.at(s) : nullptr, y[s], mean[s],
                                    invstd[s], running_mean.at(s), running_var.at(s), params(c));
      const std::string label = t.label() + " " + c.descriptor();
      const std::int64_t m = values_per_channel(c);
      CHECK(mismatch(label + " mean", mean, m) == "");
      CHECK(mismatch(label + " invstd", invstd, m) == "");
      CHECK(mismatch(label + " running mean", running_mean, m) == "");
      CHECK(mismatch(label + " running var", running_var, m) == "");
      CHECK(mismatch(label + " y", y, m) == "");

      Operand again = make.output(c.x);  // without running statistics
      t.table.norm.batch_norm_train(t.ctx, x.fast, gamma.fast, beta.fast, c.residual ? res.at(Side::Fast) : nullptr,
                                    again.fast, mean.fast, invstd.fast, nullptr, nullptr, params(c));
      CHECK(mismatch(label + " y, no running statistics", again.fast, y.oracle, m, 4.8e-7) == "");
    }
  });
}

TEST_CASE("batch norm, training on values far from zero", "[norm]") {
  // A variance computed as E[x^2] - E[x]^2 in float loses every digit here.
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 22);
    for (std::int64_t c : {3, 16, 33}) {
      const Operand x = make.input({4, c, 6, 6}, 999.5, 1000.5), gamma = make.input({c}, 1, 2), beta = make.input({c});
      Operand y = make.output({4, c, 6, 6}), mean = make.output({c}), invstd = make.output({c});
      for (const auto& [table, s] : both(t))
        table.norm.batch_norm_train(t.ctx, x[s], gamma[s], beta[s], nullptr, y[s], mean[s], invstd[s], nullptr, nullptr,
                                    {});
      // The mean is a float: 1000 * 2^-24 = 6e-5 of rounding, against a deviation
      // of 0.29 and gamma up to 2 makes 4e-4 in y.
      CHECK(mismatch(t.label() + " mean", mean) == "");
      CHECK(mismatch(t.label() + " invstd", invstd) == "");
      CHECK(mismatch(t.label() + " y", y, 1, 5e-4) == "");
    }
  });
}

TEST_CASE("batch norm, evaluation", "[norm]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 23);
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const Operand x = make.input(c.x, -1, 3), res = make.input(c.x, -3, 3);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      const Operand mean = make.input(channels), var = make.input(channels, 0.1, 2);
      Operand y = make.output(c.x);
      for (const auto& [table, s] : both(t))
        table.norm.batch_norm_eval(t.ctx, x[s], gamma[s], beta[s], mean[s], var[s], c.residual ? res.at(s) : nullptr,
                                   y[s], params(c));
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, 2) == "");
    }
  });
}

TEST_CASE("batch norm, backward: both kinds of statistics, every choice of outputs", "[norm]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 24);
    int turn = 0;
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const Operand x = make.input(c.x, -1, 3), res = make.input(c.x, -3, 3), dy = make.input(c.x);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      const Operand y0 = make.output(c.x), mean0 = make.output(channels), invstd0 = make.output(channels);
      oracle_table().norm.batch_norm_train(t.ctx, x.oracle, gamma.oracle, beta.oracle,
                                           c.residual ? res.at(Side::Oracle) : nullptr, y0.oracle, mean0.oracle,
                                           invstd0.oracle, nullptr, nullptr, params(c));
      const Operand y = make.from_oracle(y0), mean = make.from_oracle(mean0), invstd = make.from_oracle(invstd0);
      for (bool batch_statistics : {true, false}) {
        // Round-robin over which gradients are wanted; every fifth turn all of them.
        const int wanted = turn++ % 5 == 0 ? 15 : turn % 16;
        Operand dx = make.output(c.x), dgamma = make.output(channels), dbeta = make.output(channels);
        Operand dresidual = make.output(c.x);
        for (const auto& [table, s] : both(t)) {
          const BatchNormGrads grads{.dx = wanted & 1 ? dx.at(s) : nullptr,
                                     .dgamma = wanted & 2 ? dgamma.at(s) : nullptr,
                                     .dbeta = wanted & 4 ? dbeta.at(s) : nullptr,
                                     .dresidual = wanted & 8 ? dresidual.at(s) : nullptr};
          table.norm.batch_norm_backward(t.ctx, {dy[s], x[s], y[s], gamma[s], mean[s], invstd[s]}, grads,
                                         batch_statistics, params(c));
        }
        const std::string label = t.label() + " " + c.descriptor() + (batch_statistics ? " batch" : " fixed") +
                                  " wanted " + std::to_string(wanted);
        const std::int64_t m = values_per_channel(c);
        CHECK(mismatch(label + " dx", dx, m) == "");
        CHECK(mismatch(label + " dgamma", dgamma, m) == "");
        CHECK(mismatch(label + " dbeta", dbeta, m) == "");
        CHECK(mismatch(label + " dresidual", dresidual) == "");
      }
    }
  });
}

TEST_CASE("batch norm, backward: the mask found from the input is that of the output, to the bit", "[norm]") {
  for_each_table([](const TableUnderTest& t) {
    if (t.backend) return;  // asked of the CPU only
    Operands make(t, 25);
    for (const NormCase& c : norm_cases()) {
      if (c.residual) continue;
      const Dims channels{c.x[1]};
      const Operand x = make.input(c.x, -1, 3), dy = make.input(c.x);
      const Operand gamma = make.input(channels, 0.5, 4), beta = make.input(channels, -1, 4);
      HostTensor y = t.tensor(c.x, DType::Float32, t.layout), mean = t.tensor(channels), invstd = t.tensor(channels);
      t.table.norm.batch_norm_train(t.ctx, x.fast, gamma.fast, beta.fast, nullptr, y, mean, invstd, nullptr, nullptr,
                                    params(c));
      struct Gradients {
        HostTensor dx, dgamma, dbeta;
      };
      const auto backward = [&](const TensorView& output, const TensorView* found) {
        Gradients g{t.tensor(c.x, DType::Float32, t.layout), t.tensor(channels), t.tensor(channels)};
        t.table.norm.batch_norm_backward(t.ctx, {dy.fast, x.fast, output, gamma.fast, mean, invstd, found},
                                         {&g.dx.view(), &g.dgamma.view(), &g.dbeta.view(), nullptr}, true, params(c));
        return g;
      };
      const Gradients kept = backward(y, nullptr), found = backward(x.fast, &beta.fast.view());
      const std::string label = t.label() + " " + c.descriptor();
      CHECK(mismatch(label + " dx", found.dx, kept.dx, 1, 0) == "");
      CHECK(mismatch(label + " dgamma", found.dgamma, kept.dgamma, 1, 0) == "");
      CHECK(mismatch(label + " dbeta", found.dbeta, kept.dbeta, 1, 0) == "");
    }
  });
}

TEST_CASE("batch norm, backward: over the memory of what it reads", "[norm]") {
  for_each_table([](const TableUnderTest& t) {
    if (t.backend) return;
    Operands make(t, 26);
    for (const NormCase& c : norm_cases()) {
      const Dims channels{c.x[1]};
      const Operand x = make.input(c.x, -1, 3), y = make.input(c.x, -3, 8), dy = make.input(c.x);
      const Operand gamma = make.input(channels, 0.5, 4), mean = make.input(channels),
                    invstd = make.input(channels, 1, 2);
      const auto copy = [&](const Operand& o) { return o.fast.as(DType::Float32, t.layout); };
      HostTensor dx = copy(x), dz = copy(x);  // of the plain call
      const auto backward = [&](const HostTensor& dy_read, const HostTensor& x_read, const BatchNormGrads& grads) {
        t.table.norm.batch_norm_backward(t.ctx, {dy_read, x_read, y.fast, gamma.fast, mean.fast, invstd.fast}, grads,
                                         true, params(c));
      };
      backward(dy.fast, x.fast, {&dx.view(), nullptr, nullptr, c.residual ? &dz.view() : nullptr});
      const std::string label = t.label() + " " + c.descriptor();

      const HostTensor over_x = copy(x), over_dy = copy(dy);
      backward(over_dy, over_x, {&over_x.view(), nullptr, nullptr, c.residual ? &over_dy.view() : nullptr});
      CHECK(mismatch(label + " dx over x", over_x, dx, 1, 0) == "");
      if (c.residual) CHECK(mismatch(label + " dresidual over dy", over_dy, dz, 1, 0) == "");

      if (c.residual) continue;
      const HostTensor alone = copy(dy);
      backward(alone, x.fast, {&alone.view(), nullptr, nullptr, nullptr});
      CHECK(mismatch(label + " dx over dy", alone, dx, 1, 0) == "");
    }
  });
}
