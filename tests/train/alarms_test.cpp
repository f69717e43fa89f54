// The collapse alarm: on made-up courses of training, and on a real one.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/ops/distance.h"
#include "autograd/ops/gemm.h"
#include "base/error.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "train/loop/alarms.h"

using namespace fledge;
using Catch::Contains;

namespace {

using Numbers = std::vector<std::pair<std::string, double>>;
Numbers step(double active, double positive, double negative) {
  return {{"active", active}, {"mean_positive", positive}, {"mean_negative", negative}};
}

/// The step at which it spoke, and what it said; -1 for never.
template <class Course>
std::pair<int, std::string> run(const CollapseOptions& options, int steps, const Course& course) {
  CollapseAlarm alarm(options);
  std::pair<int, std::string> spoken{-1, ""};
  for (int t = 0; t < steps; ++t) {
    const std::string message = alarm.observe(course(t));
    if (message.empty()) continue;
    CHECK(spoken.first == -1);  // once
    spoken = {t, message};
  }
  CHECK(alarm.raised() == (spoken.first >= 0));
  return spoken;
}

}  // namespace

TEST_CASE("a collapse to one point is told once, also with margin 0", "[collapse]") {
  for (const double margin : {0.0, 0.2}) {
    const auto [t, message] = run({.margin = margin}, 1000, [](int t) {
      const double d = 0.8 * std::exp(-t / 20.0);
      return step(0.5, 1.1 * d, d);
    });
    CHECK(t > 80);  // distances fall below 0.01 at step 90; the window's mean somewhat later
    CHECK(t < 200);
    CHECK_THAT(message, Contains("collapsed") && Contains("same class") && Contains("--lr"));
  }
}

TEST_CASE("a loss that sits at its margin with shrunken distances is a collapse", "[collapse]") {
  const auto [t, message] = run({.margin = 0.2}, 1000, [](int t) {
    const double d = 0.1 + 0.7 * std::exp(-t / 30.0);  // distances stop at 0.1: not a point
    return step(1.0, d * 1.05, d);
  });
  CHECK(t >= 50);
  CHECK(t < 300);
  CHECK_THAT(message, Contains("sits at its margin of 0.2") && Contains("100% active"));
}

TEST_CASE("healthy courses raise nothing", "[collapse]") {
  // Starts untrained (all equal, all active), separates from step 200 on.
  CHECK(run({.margin = 0.2}, 3000, [](int t) {
          const double gap = t < 200 ? 0 : std::min(0.6, (t - 200) * 0.001);
          return step(t < 300 ? 1.0 : 0.4, 0.5, 0.5 + gap);
        }).first == -1);
  // Hard triplets: the hardest positive stays farther than the hardest negative for long, every anchor is active.
  CHECK(run({.margin = 0.2}, 3000, [](int) { return step(1.0, 0.9, 0.6); }).first == -1);
  // Positives pulled tightly together, negatives far: what training is for.
  CHECK(run({.margin = 0.2}, 3000, [](int) { return step(0.0, 0.004, 1.3); }).first == -1);
  // One bad stretch shorter than the window.
  CHECK(run({.margin = 0.2}, 500, [](int t) {
          return t > 100 && t < 120 ? step(1, 1e-4, 1e-4) : step(0.3, 0.4, 0.9);
        }).first == -1);
}

TEST_CASE("never leaving the start is told after ten windows", "[collapse]") {
  const auto [t, message] = run({.margin = 0.2}, 2000, [](int) { return step(1.0, 0.301, 0.3); });
  CHECK(t == 50 - 1 + 500 - 1);
  CHECK_THAT(message, Contains("sits at its margin"));
  CHECK(run({.margin = 0}, 2000, [](int) { return step(1.0, 0.301, 0.3); }).first == -1);  // no margin to sit at
}

TEST_CASE("steps without distances, or not finite, are not counted", "[collapse]") {
  CHECK(run({}, 500, [](int) { return Numbers{{"accuracy", 0.1}}; }).first == -1);
  CHECK(run({}, 500, [](int) { return step(1, NAN, 0); }).first == -1);
  const auto [t, message] = run({}, 500, [](int t) { return t % 2 ? step(1, NAN, 0) : step(1, 0, 0); });
  CHECK(t == 98);  // the 50th step that counts
  CHECK_THROWS_AS(CollapseAlarm({.window = 0}), Error);
}

TEST_CASE(
    "a linear embedding driven too hard by batch-hard triplets collapses, and every triplet at a sane rate does not",
    "[collapse]") {
  // 8 classes x 4 noisy pictures of 24 numbers with a common offset, as pooled features after a ReLU have.
  Generator g(11);
  const Tensor centers = rand_normal({8, 24}, g);
  const auto batch = [&](std::vector<std::int64_t>& y) {
    std::vector<float> x;
    const std::vector<float> c = centers.to_vector<float>();
    for (int i = 0; i < 32; ++i) {
      y.push_back(i / 4);
      for (int k = 0; k < 24; ++k) x.push_back(static_cast<float>(3 + 0.3 * c[i / 4 * 24 + k] + g.normal()));
    }
    return from_vector(x, {32, 24});
  };
  const auto train = [&](bool hard, double lr) {
    Generator init(5);
    const Variable w(rand_normal({16, 24}, init, 0, 0.2), true);
    const auto optimizer = make_optimizer({{"all", {{"w", w}}}}, {.kind = "adam"});
    CollapseAlarm alarm({.margin = 0.2});
    std::string message;
    for (int t = 0; t < 600 && message.empty(); ++t) {
      std::vector<std::int64_t> y;
      const Variable f = l2_normalize(linear(Variable(batch(y)), w, {}));
      const Tensor labels = from_vector(y, {32});
      const LossOutput out = hard ? triplet_batch_hard(f, labels, 0.2, TripletMargin::Hinge)
                                  : triplet_all(f, labels, 0.2, TripletMargin::Hinge);
      message = alarm.observe(values_of(out.numbers));
      optimizer->zero_grad();
      out.value.backward();
      optimizer->step(lr);
    }
    return message;
  };
  CHECK_THAT(train(true, 0.05), Contains("collapsed"));
  CHECK(train(false, 0.003) == "");
}

TEST_CASE("a loss without active triplets is told once", "[collapse]") {
  const auto run_dead = [](int steps, const auto& active) {
    DeadLossAlarm alarm({.least = 1e-3, .window = 100});
    std::pair<int, std::string> spoken{-1, ""};
    for (int t = 0; t < steps; ++t) {
      const std::string message = alarm.observe(active(t));
      if (message.empty()) continue;
      CHECK(spoken.first == -1);
      spoken = {t, message};
    }
    CHECK(alarm.raised() == (spoken.first >= 0));
    return spoken;
  };
  const auto [t, message] = run_dead(1000, [](int t) { return step(t < 300 ? 0.3 : 0, 0.2, 1.2); });
  CHECK(t == 399);  // the first window without any
  CHECK_THAT(message, Contains("no triplet or pair is active") && Contains("--margin"));
  // Rare, but there: one anchor of 32 every tenth step.
  CHECK(run_dead(1000, [](int t) { return step(t % 10 ? 0 : 1.0 / 32, 0.2, 1.2); }).first == -1);
  // A loss that has no such number.
  CHECK(run_dead(1000, [](int) { return Numbers{{"accuracy", 0.9}}; }).first == -1);
  CHECK_THROWS_AS(DeadLossAlarm({.window = 0}), Error);
  CHECK_THROWS_AS(DeadLossAlarm({.least = 0}), Error);
}

TEST_CASE("an embedding on a line is told once, by the rank of its batches", "[collapse]") {
  Generator g(17);
  const auto batch = [&](int directions) {  // 32 rows of 64 numbers within a subspace
    std::vector<float> basis = rand_normal({directions, 64}, g).to_vector<float>(), x(32 * 64, 0.5f);
    for (int i = 0; i < 32; ++i)
      for (int b = 0; b < directions; ++b) {
        const double weight = g.normal();
        for (int k = 0; k < 64; ++k) x[i * 64 + k] += static_cast<float>(weight * basis[b * 64 + k]);
      }
    return from_vector(x, {32, 64});
  };
  CHECK(batch_rank(batch(1)) == Approx(1).epsilon(1e-4));
  CHECK(batch_rank(batch(3)) > 2);
  CHECK(batch_rank(batch(3)) < 3.001);
  CHECK(batch_rank(batch(64)) > 15);
  CHECK(batch_rank(ones({32, 64})) == 0);
  RankAlarm alarm({.window = 10}), healthy({.window = 10}), small({.window = 10});
  for (int t = 0; t < 40; ++t) {
    const std::string message = alarm.observe(batch_rank(batch(t < 15 ? 20 : 1)), 32, 64);
    CHECK(healthy.observe(batch_rank(batch(8)), 32, 64) == "");
    CHECK(small.observe(1, 4, 64) == "");  // three directions are all that four pictures allow
    if (message.empty()) continue;
    CHECK(t >= 20);
    CHECK_THAT(message, Contains("effective rank") && Contains("of 31 possible") && Contains("--lr"));
    CHECK(alarm.raised());
  }
  CHECK(alarm.raised());
  CHECK(!healthy.raised());
  RankAlarm young({.window = 10});  // from random weights: few directions at first, more with every batch
  for (int t = 0; t < 40; ++t) CHECK(young.observe(1.2 + 0.1 * t, 32, 64) == "");
  for (int t = 0; t < 40; ++t) young.observe(1.2, 32, 64);  // and they do not come back
  CHECK(young.raised());
  CHECK_THROWS_AS(RankAlarm({.window = 0}), Error);
}
