// Optimiser steps: by hand, and every table against the reference.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// One parameter of one element.
struct Single {
  HostTensor w, grad, first, second, rates, norm;

  Single(double weight, double gradient, double m, double v, std::initializer_list<double> r, double n)
      : w({1}, {weight}), grad({1}, {gradient}), first({1}, {m}), second({1}, {v}), rates({3}, r), norm({1}, {n}) {}
  OptimTensor tensor(double lr_scale, double decay) const { return {w, grad, first, second, lr_scale, decay}; }
  StepScalars scalars(double max_norm) const { return {rates, norm, max_norm}; }
};

/// Parameters of every size, and enough of them for several launches.
std::vector<Dims> parameter_dims() {
  std::vector<Dims> all = elementwise_dims();
  for (int i = 0; i < 300; ++i) all.push_back({1 + i % 7, 3});
  return all;
}

struct Parameters {
  std::vector<Operand> w, grad, first, second;

  explicit Parameters(Operands& make) {
    for (const Dims& dims : parameter_dims()) {
      w.push_back(make.input(dims));
      grad.push_back(make.input(dims));
      first.push_back(make.input(dims, -0.1, 0.1));
      second.push_back(make.input(dims, 1e-4, 0.1));
    }
  }
  std::vector<OptimTensor> of(Side s, bool with_first) const {
    std::vector<OptimTensor> all;
    for (std::size_t i = 0; i < w.size(); ++i)
      all.push_back({w[i][s], grad[i][s], with_first ? first[i][s] : TensorView{}, second[i][s], i % 2 ? 1 : 0.25,
                     i % 3 ? 1e-2 : 0});
    return all;
  }
  std::vector<TensorView> gradients(Side s) const {
    std::vector<TensorView> all;
    for (const Operand& g : grad) all.push_back(g[s]);
    return all;
  }
  std::string mismatch_of(const std::string& what, const std::vector<Operand>& which) const {
    for (std::size_t i = 0; i < which.size(); ++i)
      if (const std::string m = mismatch(what + " tensor " + std::to_string(i), which[i]); !m.empty()) return m;
    return "";
  }
};

}  // namespace

TEST_CASE("ref grad_norm: over all gradients", "[ref][optim]") {
  ExecContext ctx(1);
  const HostTensor a({2}, {3, 0}), b({1, 1}, {-4}), c({1}, {12});
  HostTensor norm({1}, DType::Float64);
  const std::vector<TensorView> all{a, b, c};
  oracle_table().optim.grad_norm(ctx, all, norm);
  CHECK(norm.get(0) == 13);
  oracle_table().optim.grad_norm(ctx, {}, norm);
  CHECK(norm.get(0) == 0);
}

TEST_CASE("ref sgd: clipped, decayed, scaled, with and without momentum", "[ref][optim]") {
  ExecContext ctx(1);
  const auto step = [&](const Single& s, const OptimTensor& t, const SgdParams& params, double max_norm) {
    oracle_table().optim.sgd_step(ctx, {&t, 1}, params, s.scalars(max_norm));
    return s.w.get(0);
  };
  // The norm 4 is clipped to 2: g = 0.5*2 + 0.5*1 = 1.5, v = 0.5*3 + 1.5 = 3.
  Single s(1, 2, 3, 0, {0.1, 0, 0}, 4);
  CHECK(step(s, s.tensor(2, 0.5), {.momentum = 0.5}, 2) == Approx(1 - 0.2 * 3).epsilon(1e-15));
  CHECK(s.first.get(0) == 3);
  Single nesterov(1, 2, 3, 0, {0.1, 0, 0}, 4);  // g + 0.5*v
  CHECK(step(nesterov, nesterov.tensor(2, 0.5), {.momentum = 0.5, .nesterov = true}, 2) ==
        Approx(1 - 0.2 * 3).epsilon(1e-15));
  Single plain(1, 2, 3, 0, {0.1, 0, 0}, 4);
  OptimTensor no_buffer = plain.tensor(2, 0.5);
  no_buffer.first = {};
  CHECK(step(plain, no_buffer, {.momentum = 0.5}, 0) == Approx(1 - 0.2 * 2.5).epsilon(1e-15));  // 0: not clipped
  CHECK(plain.first.get(0) == 3);
}

TEST_CASE("sgd leaves the first gradient in a buffer of -0, to the bit", "[optim]") {
  for_each_table([](const TableUnderTest& t) {
    HostTensor w = t.tensor({40}), grad = t.tensor({40}), buffer = t.tensor({40});
    HostTensor rates = t.tensor({1}, DType::Float64), norm = t.tensor({1}, DType::Float64);
    w.fill_from([](std::int64_t) { return -1; });  // 0 * w is -0: a gradient's sign stays
    grad.fill_from([](std::int64_t i) { return i % 3 ? 0.1 * static_cast<double>(i) : i % 2 ? -0.0 : 0.0; });
    buffer.fill_from([](std::int64_t) { return -0.0; });
    rates.set(0, 0.1), norm.set(0, 1);
    const OptimTensor one{.w = w, .grad = grad, .first = buffer, .second = {}};
    t.table.optim.sgd_step(t.ctx, {&one, 1}, {.momentum = 0.9}, {rates, norm});
    for (std::int64_t i = 0; i < 40; ++i) {
      INFO(t.label() << " " << i);
      CHECK(buffer.get(i) == grad.get(i));
      CHECK((std::signbit(buffer.get(i)) == std::signbit(grad.get(i)) || i % 3));
    }
  });
}

TEST_CASE("ref adam: both kinds of decay and of eps", "[ref][optim]") {
  ExecContext ctx(1);
  const auto step = [&](AdamParams p, double lr_scale, double decay) {
    p.beta1 = 0.5, p.beta2 = 0.75;
    Single s(2, 4, 1, 16, {0.1, 0.5, 0.25}, 4);
    oracle_table().optim.adam_step(ctx, std::vector{s.tensor(lr_scale, decay)}, p, s.scalars(0));
    return s.w.get(0);
  };
  // m = 0.5*1 + 0.5*4 = 2.5, v = 0.75*16 + 0.25*16 = 16, sqrt(v) * 4 = 16
  CHECK(step({.eps = 0}, 1, 0) == Approx(2 - 0.1 * 2 * 2.5 / 16).epsilon(1e-15));
  CHECK(step({.eps = 1}, 1, 0) == Approx(2 - 0.1 * 2 * 2.5 / 17).epsilon(1e-15));
  CHECK(step({.eps = 1, .legacy_eps = true}, 1, 0) == Approx(2 - 0.1 * 2 * 2.5 / 20).epsilon(1e-15));
  CHECK(step({.eps = 0, .decoupled = true}, 2, 0.5) == Approx(2 * 0.9 - 0.2 * 2 * 2.5 / 16).epsilon(1e-15));
  // Coupled: g = 4 + 2*2 = 8, m = 4.5, v = 28
  CHECK(step({.eps = 0}, 1, 2) == Approx(2 - 0.1 * 2 * 4.5 / (std::sqrt(28.0) * 4)).epsilon(1e-15));
}

TEST_CASE("grad_norm, sgd and adam over many tensors", "[optim]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 68);
    const OptimKernels &fast = t.table.optim, &slow = oracle_table().optim;
    for (int flags = 0; flags < 8; ++flags) {
      const bool nesterov = flags & 1, decoupled = flags & 1, legacy = flags & 2, clipped = flags & 4;
      const bool buffers = flags != 3;
      Parameters sgd(make), adam(make);
      Operand norm = make.output({1}, DType::Float64);
      const Operand lr = make.input({1}, 0.01, 0.1, DType::Float64);
      Operand rates = make.input({3}, 0.3, 1, DType::Float64);
      for (HostTensor* h : {&rates.fast, &rates.oracle}) h->set(0, 0.02);
      fast.grad_norm(t.ctx, sgd.gradients(Side::Fast), norm.fast);
      slow.grad_norm(t.ctx, sgd.gradients(Side::Oracle), norm.oracle);
      const std::string label = t.label() + " flags " + std::to_string(flags);
      CHECK(mismatch(label + " norm", norm, 1, 1e-12) == "");

      const Operand norm_in = make.from_oracle(norm, DType::Float64);
      const SgdParams sp{.momentum = buffers ? 0.9 : 0, .nesterov = nesterov};
      const AdamParams ap{.decoupled = decoupled, .legacy_eps = legacy};
      const double max_norm = clipped ? norm.oracle.get(0) / 3 : 0;
      for (Side s : {Side::Fast, Side::Oracle}) {
        const OptimKernels& k = s == Side::Fast ? fast : slow;
        k.sgd_step(t.ctx, sgd.of(s, buffers), sp, {lr[s], norm_in[s], max_norm});
        k.adam_step(t.ctx, adam.of(s, true), ap, {rates[s], norm_in[s], max_norm});
      }
      CHECK(sgd.mismatch_of(label + " sgd w", sgd.w) == "");
      CHECK(sgd.mismatch_of(label + " sgd momentum", sgd.first) == "");
      CHECK(adam.mismatch_of(label + " adam w", adam.w) == "");
      CHECK(adam.mismatch_of(label + " adam m", adam.first) == "");
      CHECK(adam.mismatch_of(label + " adam v", adam.second) == "");
    }
  });
}

TEST_CASE("adam's corrections of a first, second and late step", "[optim]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 69);
    for (const double step : {1.0, 2.0, 1000.0}) {
      Operand w = make.input({100}), m = make.input({100}), v = make.input({100}, 0.01, 0.1);
      const Operand g = make.input({100});
      Operand norm = make.output({1}, DType::Float64), rates = make.output({3}, DType::Float64);
      const double numbers[] = {0.01, 1 - std::pow(0.9, step), std::sqrt(1 - std::pow(0.999, step))};
      for (Side s : {Side::Fast, Side::Oracle}) {
        (s == Side::Fast ? norm.fast : norm.oracle).set(0, 1);
        (s == Side::Fast ? rates.fast : rates.oracle).fill_from([&](std::int64_t i) { return numbers[i]; });
        const OptimTensor one{w[s], g[s], m[s], v[s], 1, 1e-2};
        (s == Side::Fast ? t.table : oracle_table()).optim.adam_step(t.ctx, {&one, 1}, {}, {rates[s], norm[s]});
      }
      const std::string label = t.label() + " step " + std::to_string(step);
      CHECK(mismatch(label + " w", w) == "");
      CHECK(mismatch(label + " m", m) == "");
      CHECK(mismatch(label + " v", v) == "");
    }
  });
}

TEST_CASE("a gradient norm that is not finite stops the step", "[optim]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 70);
    for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      Parameters p(make);
      p.grad[3].fast.set(0, bad);
      Operand norm = make.output({1}, DType::Float64);
      const Operand rates = make.input({3}, 0.1, 0.2, DType::Float64);
      t.table.optim.grad_norm(t.ctx, p.gradients(Side::Fast), norm.fast);
      CHECK_FALSE(std::isfinite(norm.fast.get(0)));
      t.table.optim.sgd_step(t.ctx, p.of(Side::Fast, true), {}, {rates.fast, norm.fast, 1});
      t.table.optim.adam_step(t.ctx, p.of(Side::Fast, true), {}, {rates.fast, norm.fast, 1});
      for (const auto* which : {&p.w, &p.first, &p.second})
        for (const Operand& o : *which) REQUIRE(mismatch(t.label() + " untouched", o, 1, 0) == "");
    }
  });
}
