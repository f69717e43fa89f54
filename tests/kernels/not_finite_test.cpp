// NaN and infinity take the same way through every table: an element is NaN or infinite exactly where the reference's
// is. Otherwise one table hides from the checks of finiteness what another shows (kernels/README.md).
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/cases_conv.h"
#include "tests/support/cases_pool.h"
#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const double kBad[] = {NAN, INFINITY, -INFINITY};

void put(const Operand& o, std::int64_t at, double value) {
  const_cast<HostTensor&>(o.fast).set(at, value);
  const_cast<HostTensor&>(o.oracle).set(at, value);
}

/// An element well inside, so that no window leaves it out.
std::int64_t middle(const Dims& d) {
  if (d.rank() != 4) return d.numel() / 2;
  return ((d[0] / 2 * d[1] + d[1] / 2) * d[2] + d[2] / 2) * d[3] + d[3] / 2;
}

/// Operand by operand: each is given every bad number.
template <class Run>
void spoil_each(std::initializer_list<std::pair<const char*, const Operand*>> operands, Run run) {
  for (const auto& [name, o] : operands)
    for (const double bad : kBad) {
      const std::int64_t at = middle(o->oracle.dims());
      const double before = o->oracle.get(at);
      put(*o, at, bad);
      run(std::string(" ") + name + " " + std::to_string(bad));
      put(*o, at, before);
    }
}

bool shows(const HostTensor& t) {
  for (const double v : t.values())
    if (!std::isfinite(v)) return true;
  return false;
}

}  // namespace

TEST_CASE("NaN and infinity pass fused convolutions as in the reference", "[conv][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 71);
    int nan_seen = 0, turn = 0;
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), w = make.input(c.w), bias = make.input({c.w[0]}), residual = make.input(c.y());
      spoil_each({{"x", &x}, {"w", &w}, {"bias", &bias}, {"residual", &residual}}, [&](const std::string& what) {
        // Case by case all three activations; each number meets each of them, with and without a residual.
        const auto activation = static_cast<Activation>(turn % 3);
        const bool with_residual = turn % 2 == 0 || what.find("residual") != std::string::npos;
        turn += 1 + (turn % 12 == 11);
        Operand y = make.output(c.y());
        for (const bool fast : {true, false}) {
          const Side s = fast ? Side::Fast : Side::Oracle;
          const ConvEpilogue e{
              .bias = bias.at(s), .residual = with_residual ? residual.at(s) : nullptr, .activation = activation};
          (fast ? t.table : oracle_table()).conv.forward_fused(t.ctx, x[s], w[s], e, y[s], c.params);
        }
        nan_seen += shows(y.oracle);
        if (t.backend &&
            what.starts_with(" w ")) {  // a GPU kernel may multiply padding with it: more may be NaN, not less
          for (std::int64_t i = 0; i < c.y().numel(); ++i)
            CHECK((std::isfinite(y.oracle.get(i)) || y.oracle.get(i) == y.fast.get(i) || std::isnan(y.fast.get(i))));
          return;
        }
        CHECK(mismatch(t.label() + " " + c.descriptor() + what + " activation " +
                           std::to_string(static_cast<int>(activation)),
                       y, c.depth()) == "");
      });
    }
    CHECK(nan_seen > 200);
  });
}

TEST_CASE("a residual that lies in the output keeps NaN", "[conv][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 72);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), w = make.input(c.w);
      Operand y = make.input(c.y());
      put(x, middle(c.x), NAN);
      for (const bool fast : {true, false}) {
        const Side s = fast ? Side::Fast : Side::Oracle;
        (fast ? t.table : oracle_table())
            .conv.forward_fused(t.ctx, x[s], w[s], {.residual = y.at(s), .activation = Activation::ReLU}, y[s],
                                c.params);
      }
      CHECK(mismatch(t.label() + " " + c.descriptor(), y, c.depth()) == "");
    }
  });
}

TEST_CASE("a finite convolution after one with NaN is as before", "[conv][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 73);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), w = make.input(c.w);
      Operand before = make.output(c.y()), bad = make.output(c.y()), after = make.output(c.y());
      const auto run = [&](Operand& y) {
        t.table.conv.forward_fused(t.ctx, x.fast, w.fast, {.activation = Activation::ReLU}, y.fast, c.params);
      };
      run(before);
      const double kept = x.fast.get(middle(c.x));
      put(x, middle(c.x), NAN);
      run(bad);
      put(x, middle(c.x), kept);
      run(after);
      CHECK(before.fast.values() == after.fast.values());
    }
  });
}

TEST_CASE("NaN and infinity pass convolutions and their gradients as in the reference", "[conv][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 74);
    for (const ConvCase& c : conv_cases()) {
      const Operand x = make.input(c.x), w = make.input(c.w), dy = make.input(c.y());
      for (const double bad : kBad) {
        put(dy, middle(c.y()), bad);
        Operand dw = make.output(c.w), db = make.output({c.w[0]});
        for (const bool fast : {true, false}) {
          const Side s = fast ? Side::Fast : Side::Oracle;
          const ConvKernels& k = fast ? t.table.conv : oracle_table().conv;
          k.grad_weight(t.ctx, dy[s], x[s], dw[s], c.params);
          k.grad_bias(t.ctx, dy[s], db[s]);
        }
        // Which taps see the element differs where a kernel multiplies padding: that it shows somewhere is what counts.
        CHECK(shows(dw.fast));
        CHECK(mismatch(t.label() + " " + c.descriptor() + " grad_bias", db, c.y().numel() / c.w[0]) == "");
      }
    }
  });
}

TEST_CASE("NaN, infinity and negative variances pass batch norm as in the reference", "[norm][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 75);
    for (const std::int64_t channels : {3, 16, 33})
      for (const Activation activation : {Activation::None, Activation::ReLU, Activation::ReLU6}) {
        const Dims dims{2, channels, 5, 4}, c{channels};
        const BatchNormParams p{.activation = activation};
        const Operand x = make.input(dims), res = make.input(dims), gamma = make.input(c, 0.5, 2), beta = make.input(c);
        const Operand mean = make.input(c), var = make.input(c, 0.5, 2);
        const auto eval = [&](const std::string& what) {
          Operand y = make.output(dims);
          t.table.norm.batch_norm_eval(t.ctx, x.fast, gamma.fast, beta.fast, mean.fast, var.fast, res.at(Side::Fast),
                                       y.fast, p);
          oracle_table().norm.batch_norm_eval(t.ctx, x.oracle, gamma.oracle, beta.oracle, mean.oracle, var.oracle,
                                              res.at(Side::Oracle), y.oracle, p);
          CHECK(mismatch(t.label() + " evaluation" + what, y, 2) == "");
        };
        spoil_each({{"x", &x}, {"residual", &res}, {"gamma", &gamma}, {"beta", &beta}, {"mean", &mean}, {"var", &var}},
                   eval);
        put(var, channels / 2, -0.25);
        eval(" negative variance");
        put(var, channels / 2, 1);
        spoil_each({{"x", &x}, {"residual", &res}}, [&](const std::string& what) {
          Operand y = make.output(dims), m = make.output(c), invstd = make.output(c);
          Operand running_mean = make.input(c), running_var = make.input(c, 0.5, 2);
          for (const bool fast : {true, false}) {
            const Side s = fast ? Side::Fast : Side::Oracle;
            (fast ? t.table : oracle_table())
                .norm.batch_norm_train(t.ctx, x[s], gamma[s], beta[s], res.at(s), y[s], m[s], invstd[s],
                                       running_mean.at(s), running_var.at(s), p);
          }
          CHECK(mismatch(t.label() + " training" + what, y, 40) == "");
          for (const Operand* o : {&running_mean, &running_var}) CHECK(shows(o->fast) == shows(o->oracle));
        });
      }
  });
}

TEST_CASE("NaN and infinity pass pooling as in the reference", "[pool][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 76);
    for (const PoolCase& c : pool_cases()) {
      const Operand x = make.input(c.x);
      const Dims pooled = c.p.output_dims(c.x), flat{c.x[0], c.x[1]};
      spoil_each({{"x", &x}}, [&](const std::string& what) {
        Operand y = make.output(pooled), at = make.output(pooled, DType::Int32), mean = make.output(flat);
        for (const bool fast : {true, false}) {
          const Side s = fast ? Side::Fast : Side::Oracle;
          const PoolKernels& k = fast ? t.table.pool : oracle_table().pool;
          k.max_pool2d(t.ctx, x[s], y[s], at.at(s), c.p);
          k.global_avg_pool(t.ctx, x[s], mean[s]);
        }
        CHECK(mismatch(t.label() + " max " + c.descriptor() + what, y, 1, 0) == "");
        CHECK(mismatch(t.label() + " max position " + c.descriptor() + what, at, 1, 0) == "");
        CHECK(mismatch(t.label() + " mean " + c.descriptor() + what, mean, c.x[2] * c.x[3]) == "");
      });
    }
  });
}

TEST_CASE("NaN and infinity pass elementwise functions as in the reference", "[eltwise][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 77);
    const UnaryParams p{.a = -0.75, .b = 1.5};
    for (const UnaryOp op : {UnaryOp::ReLU, UnaryOp::ReLU6, UnaryOp::Exp, UnaryOp::Log, UnaryOp::Sqrt, UnaryOp::Square,
                             UnaryOp::Abs, UnaryOp::Clamp, UnaryOp::Affine, UnaryOp::Softplus})
      for (const Dims& dims : {Dims{7}, Dims{33}, Dims{70000}}) {
        const Operand x = make.input(dims, 0.1, 2);
        for (const double bad : {double{NAN}, double{INFINITY}, -double{INFINITY}, -1.0}) {
          put(x, dims[0] / 2, bad);
          Operand y = make.output(dims);
          t.table.eltwise.unary(t.ctx, op, x.fast, y.fast, p);
          oracle_table().eltwise.unary(t.ctx, op, x.oracle, y.oracle, p);
          CHECK(mismatch(t.label() + " op " + std::to_string(static_cast<int>(op)) + " of " + std::to_string(bad), y, 1,
                         4e-6) == "");
        }
      }
  });
}

TEST_CASE("NaN and infinity pass matrix products and rows as in the reference", "[gemm][not-finite]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 78);
    for (const GemmCase& g : gemm_cases()) {
      const Operand a = make.input({g.m, g.k}), b = make.input({g.k, g.n}), bias = make.input({g.n});
      spoil_each({{"a", &a}, {"b", &b}, {"bias", &bias}}, [&](const std::string& what) {
        Operand c = make.output({g.m, g.n});
        t.table.gemm.matmul(t.ctx, a.fast, b.fast, bias.at(Side::Fast), c.fast, {});
        oracle_table().gemm.matmul(t.ctx, a.oracle, b.oracle, bias.at(Side::Oracle), c.oracle, {});
        CHECK(mismatch(t.label() + " matmul m" + std::to_string(g.m) + "n" + std::to_string(g.n) + "k" +
                           std::to_string(g.k) + what,
                       c, g.k) == "");
      });
    }
    for (const Dims& dims : matrix_dims()) {
      const Operand x = make.input(dims);
      spoil_each({{"x", &x}}, [&](const std::string& what) {
        const std::string label = t.label() + " " + to_string(dims) + what;
        Operand y = make.output(dims), norm = make.output({dims[0]});
        t.table.distance.l2_normalize(t.ctx, x.fast, y.fast, norm.fast, 1e-12);
        oracle_table().distance.l2_normalize(t.ctx, x.oracle, y.oracle, norm.oracle, 1e-12);
        CHECK(mismatch(label + " l2_normalize", y, dims[1]) == "");
        Operand sums = make.output({dims[0], 1});
        t.table.reduce.reduce(t.ctx, ReduceOp::Sum, x.fast, sums.fast);
        oracle_table().reduce.reduce(t.ctx, ReduceOp::Sum, x.oracle, sums.oracle);
        CHECK(mismatch(label + " sum", sums, dims[1]) == "");
        Operand distances = make.output({dims[0], dims[0]});
        t.table.distance.pairwise_distance(t.ctx, x.fast, x.fast, distances.fast, {});
        oracle_table().distance.pairwise_distance(t.ctx, x.oracle, x.oracle, distances.oracle, {});
        CHECK((dims[0] == 1 || shows(distances.fast)));
        CHECK((dims[0] == 1 || shows(distances.oracle)));
        HostTensor all = t.tensor({1}, DType::Float64);
        t.table.optim.grad_norm(t.ctx, std::vector<TensorView>{x.fast}, all);
        CHECK_FALSE(std::isfinite(all.get(0)));
      });
    }
  });
}
