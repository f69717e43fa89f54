// Means over queries and over classes, and their bootstrap intervals.
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/metrics/bootstrap.h"
#include "nn/metrics/retrieval.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;
using Labels = std::vector<std::int64_t>;

TEST_CASE("reciprocal ranks and means over classes by hand", "[metrics]") {
  // Gallery at 1, 2, 3, 4 of classes 0, 5, 5, 7; three queries at 0.
  const Tensor q = zeros({3, 1}), g = from_vector(std::vector<float>{1, 2, 3, 4}, {4, 1});
  const RetrievalMetrics m = evaluate_retrieval(q, {5, 0, 5}, g, {0, 5, 5, 7}, {.self_gallery = false});
  // Class 5: first hit at place 2, MAP@R (0 + 1/2) / 2, R-precision 1/2. Class 0: all 1.
  CHECK(m.values.at("mrr") == Approx((0.5 + 1 + 0.5) / 3));
  REQUIRE(m.classes.size() == 2);
  CHECK(m.classes[0].label == 0);
  CHECK(m.classes[0].queries == 1);
  CHECK(m.classes[0].values.at("map@r") == 1);
  CHECK(m.classes[1].label == 5);
  CHECK(m.classes[1].queries == 2);
  CHECK(m.classes[1].values.at("recall@1") == 0);
  CHECK(m.classes[1].values.at("map@r") == Approx(0.25));
  CHECK(m.classes[1].values.at("r_precision") == Approx(0.5));
  CHECK(m.classes[1].values.at("mrr") == Approx(0.5));
  CHECK(m.values.at("macro_recall@1") == Approx(0.5));
  CHECK(m.values.at("macro_map@r") == Approx((1 + 0.25) / 2));
  CHECK(m.values.at("map@r") == Approx((1 + 0.5) / 3));
}

TEST_CASE("a bootstrap interval is the mean give or take its standard errors", "[metrics]") {
  Generator g(51);
  std::vector<double> values;
  double mean = 0, square = 0;
  for (int i = 0; i < 400; ++i) values.push_back(g.uniform() < 0.7);
  for (const double v : values) mean += v / 400;
  for (const double v : values) square += (v - mean) * (v - mean) / 400;
  const double error = std::sqrt(square / 400);
  const Labels none(400, 0);
  const Interval ninety_five = bootstrap_intervals({values}, none, {.samples = 4000})[0];
  CHECK(ninety_five.low == Approx(mean - 1.96 * error).margin(0.15 * error));
  CHECK(ninety_five.high == Approx(mean + 1.96 * error).margin(0.15 * error));
  const Interval half = bootstrap_intervals({values}, none, {.samples = 4000, .level = 0.5})[0];
  CHECK(half.high - half.low == Approx(2 * 0.6745 * error).margin(0.15 * error));
}

TEST_CASE("drawing whole classes widens the interval of queries that go together", "[metrics]") {
  // 20 classes of 20 queries, all of one class alike: the error is that of 20 draws, not of 400.
  std::vector<double> values;
  Labels groups;
  for (int i = 0; i < 400; ++i) {
    groups.push_back(i / 20);
    values.push_back(i / 20 % 2);
  }
  const auto width = [](const Interval& i) { return i.high - i.low; };
  const double by_query = width(bootstrap_intervals({values}, groups, {.samples = 4000})[0]);
  const double by_class = width(bootstrap_intervals({values}, groups, {.samples = 4000, .by_class = true})[0]);
  CHECK(by_query == Approx(2 * 1.96 * 0.5 / std::sqrt(400.0)).epsilon(0.1));
  CHECK(by_class == Approx(2 * 1.96 * 0.5 / std::sqrt(20.0)).epsilon(0.15));
}

TEST_CASE("intervals in the metrics: the seed decides, threads do not", "[metrics]") {
  Generator g(52);
  const Tensor x = rand_normal({150, 4}, g);
  Labels y;
  for (int i = 0; i < 150; ++i) y.push_back(g.below(6) * 10);
  const auto run = [&](const BootstrapOptions& b) { return evaluate_retrieval(x, y, x, y, {.bootstrap = b}); };
  const int before = num_threads();
  set_num_threads(1);
  const RetrievalMetrics one = run({});
  set_num_threads(2);
  const RetrievalMetrics two = run({});
  set_num_threads(before);
  CHECK(one.interval_level == 0.95);
  CHECK(one.intervals.at("map@r").low == two.intervals.at("map@r").low);
  CHECK(one.intervals.at("map@r").high == two.intervals.at("map@r").high);
  CHECK(one.intervals.at("map@r").low < one.values.at("map@r"));
  CHECK(one.values.at("map@r") < one.intervals.at("map@r").high);
  CHECK(one.intervals.at("recall@1").low < one.recall.at(1));
  CHECK(one.recall.at(1) < one.intervals.at("recall@1").high);
  CHECK(one.intervals.at("map@r").low != run({.seed = 1}).intervals.at("map@r").low);
  CHECK(one.intervals.at("map@r").low != run({.by_class = true}).intervals.at("map@r").low);
  const RetrievalMetrics off = run({.samples = 0});
  CHECK(off.interval_level == 0);
  CHECK(off.values.at("map@r") == one.values.at("map@r"));
  CHECK_THROWS_AS(run({.samples = -1}), Error);
  CHECK_THROWS_AS(run({.level = 1}), Error);
}

TEST_CASE("a sample of the queries in the whole gallery", "[metrics]") {
  // 12 classes around centres of their own, as far apart as they are wide.
  Generator g(41);
  const std::vector<double> centers = rand_normal({12, 6}, g).to_vector<double>();
  Labels labels;
  std::vector<float> x;
  for (int i = 0; i < 300; ++i) {
    labels.push_back(i % 12);
    for (int k = 0; k < 6; ++k) x.push_back(static_cast<float>(centers[(i % 12) * 6 + k] + 1.5 * g.normal()));
  }
  const Tensor rows = from_vector(x, {300, 6});
  const auto measure = [&](std::int64_t queries, std::uint64_t seed) {
    RetrievalOptions options;
    options.sample_queries = queries;
    options.sample_seed = seed;
    return evaluate_retrieval(rows, labels, rows, labels, options);
  };
  const RetrievalMetrics all = measure(0, 0), some = measure(100, 1);
  CHECK(some.queries == 100);
  CHECK(some.gallery == 300);
  CHECK(some.recall.at(1) * 100 == Approx(std::round(some.recall.at(1) * 100)).margin(1e-9));
  CHECK(measure(100, 1).values.at("map@r") == some.values.at("map@r"));
  CHECK(measure(100, 2).values.at("map@r") != some.values.at("map@r"));
  CHECK(measure(300, 1).values.at("map@r") == all.values.at("map@r"));
  // Ten samples of a third: their mean lies within five standard errors of the whole.
  double mean = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) mean += measure(100, seed).recall.at(1) / 10;
  const double p = all.recall.at(1);
  CHECK(std::abs(mean - p) < 5 * std::sqrt(p * (1 - p) / 1000));
}
