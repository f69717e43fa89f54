// The margin loss: gradients, empty cases, numbers for the log, and the distribution of its sampler.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "autograd/gradcheck.h"
#include "autograd/ops/distance.h"
#include "nn/losses/pairs/margin.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

Variable beta_of(double value) { return Variable(full({1}, value, DType::Float64), true); }
Variable unit_distances(const Variable& f) {
  const Variable unit = l2_normalize(f);
  return pairwise_distance(unit, unit);
}
double total(const Tensor& t) {
  double sum = 0;
  for (double v : t.to_vector<double>()) sum += v;
  return sum;
}

/// One anchor (row 0) with one positive (row 1) and negatives at the given distances; only row 0 is looked at.
struct OneAnchor {
  Tensor distances, labels;
  explicit OneAnchor(const std::vector<double>& negatives) {
    const std::size_t n = negatives.size() + 2;
    std::vector<double> d(n * n, 2.0);  // all others too far to be drawn
    std::vector<std::int64_t> y(n, 1);
    d[0] = 0, d[1] = 0.3, y[0] = y[1] = 0;
    for (std::size_t j = 0; j < negatives.size(); ++j) {
      d[j + 2] = negatives[j];
      y[j + 2] = static_cast<std::int64_t>(j) + 1;
    }
    distances = from_vector(d, {static_cast<std::int64_t>(n), static_cast<std::int64_t>(n)});
    labels = labels_of(y);
  }
  std::vector<double> draws(std::int64_t k, int times) const {
    std::vector<double> sums(static_cast<std::size_t>(labels.dim(0)) - 2);
    for (int t = 0; t < times; ++t) {
      Generator g = Generator::of({7, static_cast<std::uint64_t>(t)});
      const std::vector<double> row =
          distance_weighted_pairs(distances, labels, k, g).negative.slice(0, 0, 1).to_vector<double>();
      for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += row[j + 2];
    }
    return sums;
  }
};

/// 1 / q(D) of Wu et al., straight from the formula in long double.
long double weight(double d, int k) {
  if (d >= 1.4) return 0;
  const long double x = std::max(d, 0.5);
  return 1 /
         (std::pow(x, static_cast<long double>(k - 2)) * std::pow(1 - x * x / 4, static_cast<long double>(k - 3) / 2));
}

}  // namespace

TEST_CASE("central differences agree with the margin loss's gradients of embeddings and beta",
          "[losses][margin-loss]") {
  const Tensor y = labels_of({0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3}), f = random(12, 6, 1);
  Generator g(3);
  const PairCounts drawn = distance_weighted_pairs(unit_distances(Variable(f)).value(), y, 6, g);
  for (const PairCounts& counts : {every_triplet_pairs(y), drawn})
    for (const Tensor& beta : {full({1}, 1.2, DType::Float64), from_vector<double>({1.1, 1.2, 1.3, 0.9}, {4})}) {
      const GradcheckResult r = gradcheck(
          [&](const std::vector<Variable>& v) { return margin_loss(unit_distances(v[0]), v[1], y, 0.2, counts).value; },
          {f, beta});
      INFO(r.message);
      CHECK(r.ok);
      CHECK(r.worst <= 1e-6);
    }
}

TEST_CASE("the margin loss by hand", "[losses][margin-loss]") {
  // On a line: classes at 0, 1 and at 3, 5; any distances will do.
  const Tensor x = from_vector<double>({0, 1, 3, 5}, {4, 1});
  const Variable d = pairwise_distance(Variable(x), Variable(x.clone()));
  const Tensor y = labels_of({0, 0, 1, 1});
  // b = 2, m = 1.5. Positives [D - 0.5]+: 0.5 twice, 1.5 twice. Negatives [3.5 - D]+: D = 3, 5, 2,
  // 4 in both directions: 0.5, 0, 1.5, 0. In every triplet a positive counts twice (two
  // negatives), a negative once (one positive).
  const LossOutput out = margin_loss(d, beta_of(2), y, 1.5, every_triplet_pairs(y));
  CHECK(out.value.item() == Approx((2 * (0.5 + 0.5 + 1.5 + 1.5) + 2 * (0.5 + 1.5)) / (8 + 4)));
  CHECK(number(out, "active") == Approx(12.0 / 16));
  CHECK(number(out, "mean_positive") == Approx(1.5));
  CHECK(number(out, "mean_negative") == Approx((3 + 5 + 2 + 4) / 4.0));
  CHECK(number(out, "beta") == 2);
  // d loss / d beta: -1 for each active positive, +1 for each active negative, over their count.
  const Variable beta = beta_of(2);
  margin_loss(d, beta, y, 1.5, every_triplet_pairs(y)).value.backward();
  CHECK(beta.grad().item() == Approx((4 - 8) / 12.0));
  // The anchor's class chooses its beta.
  const Variable two(from_vector<double>({0.5, 6}, {2}));
  // m = 0: class 0 positives [D - 0.5]+ = 0.5, negatives all beyond 0.5; class 1 negatives [6 - D]+ = 3, 4, 1, 2.
  CHECK(margin_loss(d, two, y, 0, every_triplet_pairs(y)).value.item() ==
        Approx((2 * (0.5 + 0.5) + 3 + 4 + 1 + 2) / (4 + 4)));
}

TEST_CASE("empty cases of the margin loss", "[losses][margin-loss]") {
  struct Batch {
    const char* what;
    Tensor f;
    std::vector<std::int64_t> y;
    double value;
  };
  const Tensor point = random(1, 6, 4).expand({4, 6}).contiguous();
  // A collapsed batch: positives cost nothing, each negative b + m = 1.4.
  const std::vector<Batch> batches = {{"one class", random(4, 6, 5), {1, 1, 1, 1}, 0},
                                      {"a picture each", random(4, 6, 6), {0, 1, 2, 3}, 0},
                                      {"one picture", random(1, 6, 7), {0}, 0},
                                      {"copies", point, {0, 0, 1, 1}, 1.4},
                                      {"zeros", zeros({4, 6}, DType::Float64), {0, 0, 1, 1}, 1.4}};
  for (const char* sampling : {"distance", "all"})
    for (const Batch& b : batches) {
      INFO(sampling << ", " << b.what);
      const auto loss = make_loss("margin", {{"sampling", sampling}}, {.classes = 4, .embedding = 6, .seed = 1});
      loss->to(DType::Float64);
      ModelOutput student;
      student.embedding = Variable(b.f.clone(), true);
      const LossOutput out = loss->forward({student, labels_of(b.y)});
      CHECK(out.value.item() == Approx(b.value).epsilon(1e-5));  // beta starts as a float32
      for (const auto& [name, value] : out.numbers) CHECK(std::isfinite(value.value()));
      out.value.backward();
      CHECK(largest(student.embedding.grad()) == 0);
      CHECK(loss->parameters()[0].grad().item() == (b.value > 0 ? 1 : 0));
    }
  // A class with one picture takes part as a negative only.
  const PairCounts every = every_triplet_pairs(labels_of({0, 0, 1}));
  CHECK(every.positive.to_vector<double>() == std::vector<double>{0, 1, 0, 1, 0, 0, 0, 0, 0});
  CHECK(every.negative.to_vector<double>() == std::vector<double>{0, 0, 1, 0, 0, 1, 0, 0, 0});
}

TEST_CASE("order does not count, nor does length", "[losses][margin-loss]") {
  const LossSetup setup{.classes = 3, .embedding = 6, .seed = 1};
  const auto value = [&](const Tensor& f, const Tensor& y, const char* sampling) {
    ModelOutput student;
    student.embedding = Variable(f);
    const auto loss = make_loss("margin", {{"sampling", sampling}}, setup);
    loss->to(DType::Float64);
    return loss->forward({student, y}).value.item();
  };
  const Tensor f = random(6, 6, 8);
  const std::vector<double> x = f.to_vector<double>();
  std::vector<double> moved, longer = x;
  for (double& v : longer) v *= 40;
  for (std::int64_t i : {4, 2, 0, 5, 3, 1}) moved.insert(moved.end(), x.begin() + i * 6, x.begin() + (i + 1) * 6);
  const Tensor y = labels_of({0, 0, 1, 1, 2, 2}), moved_y = labels_of({2, 1, 0, 2, 1, 0});
  const double all = value(f, y, "all");
  CHECK(all > 0);
  CHECK(value(from_vector(moved, {6, 6}), moved_y, "all") == Approx(all).epsilon(1e-12));
  for (const char* sampling : {"all", "distance"})
    CHECK(value(from_vector(longer, {6, 6}), y, sampling) == Approx(value(f, y, sampling)).epsilon(1e-12));
}

TEST_CASE("negatives are drawn with probability 1 / q(D)", "[losses][margin-loss][sampling]") {
  // 0.2 and 0.5 count alike; 1.4 and 1.7 are never drawn.
  const std::vector<double> distances = {0.2, 0.5, 0.7, 0.9, 1.1, 1.2, 1.3, 1.39, 1.4, 1.7};
  constexpr int kDraws = 20000;
  for (const int k : {1, 2, 3, 4, 8}) {
    INFO("k = " << k);
    const std::vector<double> observed = OneAnchor(distances).draws(k, kDraws);
    long double sum = 0;
    for (double d : distances) sum += weight(d, k);
    double chi_square = 0;
    int free = -1;
    for (std::size_t j = 0; j < distances.size(); ++j) {
      const double expected = static_cast<double>(weight(distances[j], k) / sum) * kDraws;
      if (expected == 0) {
        CHECK(observed[j] == 0);
        continue;
      }
      REQUIRE(expected > 5);  // where the chi-square law holds
      chi_square += (observed[j] - expected) * (observed[j] - expected) / expected;
      ++free;
    }
    REQUIRE(free == 7);
    CHECK(chi_square < 24.3);  // 99.9 % of the chi-square law of 7 degrees of freedom
  }
}

TEST_CASE("in many dimensions the nearest negatives win, without overflow", "[losses][margin-loss][sampling]") {
  // q(0.5) / q(1.3) is 1e-158 for k = 512 and far beyond any double for k = 100000.
  for (const std::int64_t k : {std::int64_t{512}, std::int64_t{100000}}) {
    CHECK(OneAnchor({1.3, 0.5, 1.2}).draws(k, 50) == std::vector<double>{0, 50, 0});
    CHECK(OneAnchor({0.5, 1.3, 1.2}).draws(k, 50) == std::vector<double>{50, 0, 0});
    CHECK(OneAnchor({1.2, 1.3, 1.39, 1.35, 0.5}).draws(k, 50) == std::vector<double>{0, 0, 0, 0, 50});
    // Each anchor is weighed against its own nearest: one whose negatives are all far has a choice too.
    const std::vector<double> equal = OneAnchor({1.39, 1.39}).draws(k, 400);
    CHECK(equal[0] + equal[1] == 400);
    CHECK(std::abs(equal[0] - 200) < 4 * 10);  // four standard deviations of a fair coin
  }
}

TEST_CASE("all negatives beyond 1.4: positives count alone", "[losses][margin-loss][sampling]") {
  const Tensor y = labels_of({0, 0, 1, 1});
  // Two classes at opposite poles, a little spread.
  const Variable f(from_vector<double>({1, 0, 1, 0.1, -1, 0, -1, 0.1}, {4, 2}), true);
  const Variable d = unit_distances(f);
  Generator g(1);
  const PairCounts counts = distance_weighted_pairs(d.value(), y, 2, g);
  CHECK(total(counts.positive) == 4);
  CHECK(total(counts.negative) == 0);
  // Positives are near enough for the default beta: nothing to do. For beta = 0.2 they are not within 0.2 - 0.2.
  CHECK(margin_loss(d, beta_of(1.2), y, 0.2, counts).value.item() == 0);
  CHECK(margin_loss(d, beta_of(0.2), y, 0.2, counts).value.item() == Approx(2 * std::sin(std::atan(0.1) / 2)));
  // While beta + margin is at most 1.4, any choice of such a negative would have given the same.
  const PairCounts chosen{counts.positive, every_triplet_pairs(y).negative};
  CHECK(margin_loss(d, beta_of(0.2), y, 0.2, chosen).value.item() ==
        margin_loss(d, beta_of(0.2), y, 0.2, counts).value.item());
}

TEST_CASE("each (anchor, positive) draws one negative of another class", "[losses][margin-loss][sampling]") {
  const std::vector<std::int64_t> y = {0, 0, 0, 1, 1, 1, 1, 2, 2, 3};
  const Tensor labels = labels_of(y), d = unit_distances(Variable(random(10, 3, 9))).value();
  Generator g(5);
  const PairCounts counts = distance_weighted_pairs(d, labels, 3, g);
  const std::vector<double> positive = counts.positive.to_vector<double>(),
                            negative = counts.negative.to_vector<double>(), distances = d.to_vector<double>();
  for (std::size_t a = 0; a < y.size(); ++a) {
    double pairs = 0, drawn = 0;
    for (std::size_t j = 0; j < y.size(); ++j) {
      CHECK(positive[a * 10 + j] == (y[j] == y[a] && j != a ? 1 : 0));
      if (y[j] == y[a] || distances[a * 10 + j] >= 1.4) CHECK(negative[a * 10 + j] == 0);
      pairs += positive[a * 10 + j];
      drawn += negative[a * 10 + j];
    }
    CHECK(drawn == pairs);
  }
}

TEST_CASE("the draw is a function of seed and step", "[losses][margin-loss][sampling]") {
  ModelOutput student;
  student.embedding = Variable(random(24, 8, 10, DType::Float32));
  std::vector<std::int64_t> y;
  for (std::int64_t i = 0; i < 24; ++i) y.push_back(i / 4);
  const Tensor labels = labels_of(y);
  const auto value = [&](std::uint64_t seed, std::int64_t step) {
    const auto loss = make_loss("margin", {}, {.classes = 6, .embedding = 8, .seed = seed});
    const double first = loss->forward({student, labels, nullptr, step}).value.item();
    loss->forward({student, labels, nullptr, step + 1});
    CHECK(loss->forward({student, labels, nullptr, step}).value.item() == first);  // nothing is remembered
    return first;
  };
  CHECK(value(1, 0) == value(1, 0));
  std::set<double> values;
  for (std::int64_t step = 0; step < 5; ++step) values.insert(value(1, step));
  for (std::uint64_t seed = 2; seed < 6; ++seed) values.insert(value(seed, 0));
  CHECK(values.size() == 9);
}

TEST_CASE("the margin loss refuses what does not fit, and says what", "[losses][margin-loss]") {
  const Tensor y = labels_of({0, 0, 1, 1});
  const Variable d = unit_distances(Variable(random(4, 6, 11)));
  const PairCounts counts = every_triplet_pairs(y);
  const Variable two(ones({2}, DType::Float64));
  CHECK_THROWS_WITH(margin_loss(d, two, labels_of({0, 0, 2, 2}), 0.2, counts), Contains("label 2 at row 2"));
  CHECK_THROWS_WITH(margin_loss(d, Variable(ones({1, 2}, DType::Float64)), y, 0.2, counts), Contains("one number"));
  CHECK_THROWS_WITH(margin_loss(Variable(random(4, 6, 1)), two, y, 0.2, counts), Contains("4x6"));
  CHECK_THROWS_WITH(margin_loss(d, two, y, 0.2, every_triplet_pairs(labels_of({0, 0}))), Contains("2x2"));
  CHECK_THROWS_WITH(margin_loss(d, two, y, -0.1, counts), Contains("margin is -0.1"));
  CHECK_THROWS_AS(margin_loss(d, two, labels_of({0, 0}), 0.2, counts), Error);
  Generator g(1);
  CHECK_THROWS_WITH(distance_weighted_pairs(random(4, 6, 1), y, 6, g), Contains("4x6"));
}
