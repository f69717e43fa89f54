// What goldens cannot show about the losses of pairs: central differences, degenerate batches, order, scale, numbers.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "autograd/gradcheck.h"
#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "nn/losses/pairs/contrastive.h"
#include "nn/losses/pairs/multi_similarity.h"
#include "nn/losses/pairs/softmax_pairs.h"
#include "nn/losses/pairs/triplet.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gather.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Case {
  const char* name;
  std::function<LossOutput(const PairBatch&)> loss;
  double collapsed;     // value when all 16 pictures of kLabels are one point
  bool needs_both;      // 0 unless there are positives and negatives
  bool cosine = false;  // the length of the embedding does not matter
};

std::vector<Case> cases() {
  // 3 positives and 12 negatives each.
  const double ms = std::log(1 + 3 * std::exp(-1.0)) / 2 + std::log(1 + 12 * std::exp(25.0)) / 50;
  std::vector<Case> all = {
      {"contrastive pml", [](const PairBatch& b) { return contrastive(b); }, 1, false},
      {"contrastive hadsell",
       [](const PairBatch& b) {
         return contrastive(b, {ContrastiveForm::Hadsell, 0, 1});
       },
       12.0 / 15, false},
      {"contrastive margins",
       [](const PairBatch& b) {
         return contrastive(b, {ContrastiveForm::Pml, 0.3, 1.2});
       },
       1.2, false},
      {"ms", [](const PairBatch& b) { return multi_similarity(b); }, ms, true, true},
      {"ms all", [](const PairBatch& b) { return multi_similarity(b, {.miner = false}); }, ms, false, true},
      {"nt-xent", [](const PairBatch& b) { return nt_xent(b, 0.5); }, std::log(13.0), true, true},
      {"nt-xent, sharp", [](const PairBatch& b) { return nt_xent(b, 0.01); }, std::log(13.0), true, true},
      {"supcon", [](const PairBatch& b) { return supcon(b, 0.5); }, std::log(15.0), true, true},
      {"supcon, sharp", [](const PairBatch& b) { return supcon(b, 0.01); }, std::log(15.0), true, true}};
  for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft}) {
    const bool hinge = form == TripletMargin::Hinge;
    const double point = hinge ? 0.2 : std::log(2.0);
    const auto mined = [form](TripletMiner miner) {
      return [=](const PairBatch& b) { return triplet_all(b, {.margin = 0.2, .form = form, .miner = miner}); };
    };
    all.push_back({"semi-hard", [=](const PairBatch& b) { return triplet_semihard(b, 0.2, form); }, point, true});
    all.push_back({"triplets", mined(TripletMiner::All), point, true});
    all.push_back({"hard triplets", mined(TripletMiner::Hard), point, true});
    all.push_back({"semi-hard triplets, mined", mined(TripletMiner::Semihard), 0, true});
    if (!hinge) all.push_back({"easy triplets", mined(TripletMiner::Easy), 0, true});
  }
  return all;
}

struct Result {
  double value;
  std::vector<double> gradient;
};

/// Value, gradient, all finite.
Result run(const std::function<LossOutput(const Variable&)>& loss, const Tensor& x) {
  const Variable f(x.clone(), true);
  const LossOutput out = loss(f);
  for (const auto& [name, number] : out.numbers) {
    INFO(name);
    CHECK(std::isfinite(number.value()));
  }
  out.value.backward();
  Result r{out.value.item(), f.grad().to_vector<double>()};
  CHECK(std::isfinite(r.value));
  for (double g : r.gradient) REQUIRE(std::isfinite(g));
  return r;
}
Result run(const Case& c, const Tensor& x, const Tensor& y) {
  return run([&](const Variable& f) { return c.loss(pairs_within("test", f, y)); }, x);
}

double largest(const std::vector<double>& x) {
  double m = 0;
  for (double v : x) m = std::max(m, std::abs(v));
  return m;
}
double largest_difference(std::vector<double> a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return largest(a);
}

void gradient_agrees(const char* name, const std::function<Variable(const Variable&)>& f, const Tensor& x) {
  const GradcheckResult r = gradcheck([&](const std::vector<Variable>& v) { return f(v[0]); }, {x});
  INFO(name << ": " << r.message);
  CHECK(r.ok);
  CHECK(r.worst <= 1e-6);
}

}  // namespace

TEST_CASE("central differences agree with the gradient of every loss of pairs", "[losses][pairs][gradcheck]") {
  const Tensor x = random(16, 8, 1), y = labels_of(kLabels);
  const Tensor memory = unit(random(10, 8, 2)), memory_labels = labels_of({0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  for (const Case& c : cases()) {
    gradient_agrees(
        c.name, [&](const Variable& f) { return c.loss(pairs_within("test", f, y)).value; }, x);
    gradient_agrees(
        c.name, [&](const Variable& f) { return c.loss(pairs_within("test", l2_normalize(f), y)).value; }, x);
  }
  gradient_agrees(
      "n-pair", [&](const Variable& f) { return n_pair(f, y, 0.1).value; }, x);
  gradient_agrees(
      "n-pair", [&](const Variable& f) { return n_pair(l2_normalize(f), y).value; }, x);
  // With a memory the references are constants, so the differences move the queries only: those of a copy of the batch.
  for (const Case& c : cases()) {
    PairBatch batch = pairs_against("test", Variable(unit(x)), y, memory, memory_labels);
    gradient_agrees(
        c.name,
        [&](const Variable& f) {
          batch.queries = l2_normalize(f);
          return c.loss(batch).value;
        },
        x);
  }
}

TEST_CASE("pictures at one point: a known loss, no gradient", "[losses][pairs]") {
  const Tensor point = unit(random(1, 8, 6)).expand({16, 8}).contiguous(), y = labels_of(kLabels);
  for (const Case& c : cases()) {
    INFO(c.name);
    const Result r = run(c, point, y);
    CHECK(r.value == Approx(c.collapsed).epsilon(1e-5).margin(1e-12));  // distances are clamped at 1e-6
    CHECK(largest(r.gradient) < 1e-12);
    run(c, point.to(DType::Float32), y);
  }
  const Result n = run([&](const Variable& f) { return n_pair(f, y); }, point);
  CHECK(n.value == Approx(std::log(4.0)));
  CHECK(largest(n.gradient) < 1e-12);
}

TEST_CASE("batches with nothing to compare have loss 0 and gradient 0", "[losses][pairs]") {
  const std::vector<std::vector<std::int64_t>> batches = {{1, 1, 1, 1}, {0, 1, 2, 3}, {5}};
  for (const auto& labels : batches) {
    const Tensor y = labels_of(labels);
    for (const DType dtype : {DType::Float64, DType::Float32}) {
      const Tensor x = unit(random(y.dim(0), 6, 8)).to(dtype);
      for (const Case& c : cases()) {
        INFO(c.name << ", " << labels.size() << " pictures");
        const Result r = run(c, x, y);
        if (!c.needs_both && labels.size() > 1) continue;
        CHECK(r.value == 0);
        CHECK(largest(r.gradient) == 0);
      }
      const Result n = run([&](const Variable& f) { return n_pair(f, y); }, x);
      CHECK(n.value == 0);
      CHECK(largest(n.gradient) == 0);
    }
  }
}

TEST_CASE("contrastive and multi-similarity without its miner learn from one kind of pair alone", "[losses][pairs]") {
  const Tensor x = unit(random(4, 6, 8));
  const Tensor same = labels_of({1, 1, 1, 1}), other = labels_of({0, 1, 2, 3});
  for (const Case& c : cases()) {
    if (c.needs_both) continue;
    INFO(c.name);
    // A step down the gradient brings equal classes together, and others apart.
    const auto spread_after_step = [&](const Tensor& y) {
      const Result r = run(c, x, y);
      CHECK(largest(r.gradient) > 0);
      std::vector<double> moved = x.to_vector<double>();
      for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= 0.01 * r.gradient[i];
      const Tensor m = from_vector(moved, {4, 6});
      const std::vector<double> after = pairwise_distance(unit(m), unit(m)).to_vector<double>();
      return std::accumulate(after.begin(), after.end(), 0.0);
    };
    const std::vector<double> before = pairwise_distance(x, x).to_vector<double>();
    const double spread = std::accumulate(before.begin(), before.end(), 0.0);
    CHECK(spread_after_step(same) < spread);
    if (std::string(c.name) != "contrastive pml" && std::string(c.name) != "contrastive hadsell")
      CHECK(spread_after_step(other) > spread);
  }
}

TEST_CASE("the order of the batch does not matter", "[losses][pairs]") {
  const std::vector<std::int64_t> order = {7, 2, 15, 0, 9, 4, 12, 1, 3, 14, 5, 11, 6, 13, 8, 10};
  const Tensor x = unit(random(16, 8, 1)), y = labels_of(kLabels), index = labels_of(order);
  std::vector<std::int64_t> moved;
  for (std::int64_t i : order) moved.push_back(kLabels[i]);
  for (const Case& c : cases()) {
    INFO(c.name);
    const Result straight = run(c, x, y), shuffled = run(c, index_select(x, index), labels_of(moved));
    CHECK(shuffled.value == Approx(straight.value).epsilon(1e-13));
    const std::vector<double> expected =
        index_select(from_vector(straight.gradient, {16, 8}), index).to_vector<double>();
    CHECK(largest_difference(shuffled.gradient, expected) < 1e-13);
  }
}

TEST_CASE("n-pair takes the first two of each class and leaves the others alone", "[losses][pairs]") {
  const Tensor x = random(7, 4, 3);
  const std::vector<std::int64_t> labels = {5, 2, 5, 9, 2, 5, 2};  // anchors 0, 1; positives 2, 4; 9 is alone
  const Result r = run([&](const Variable& f) { return n_pair(f, labels_of(labels), 0.1); }, x);
  for (std::size_t row = 0; row < 7; ++row) {
    const std::vector<double> g(r.gradient.begin() + row * 4, r.gradient.begin() + row * 4 + 4);
    const bool used = row != 3 && row < 5;
    CHECK((largest(g) > 0) == used);
  }
  // Classes in another order, each keeping its own: the same.
  const Tensor moved = index_select(x, labels_of({1, 4, 6, 3, 0, 2, 5}));
  const Result other = run([&](const Variable& f) { return n_pair(f, labels_of({2, 2, 2, 9, 5, 5, 5}), 0.1); }, moved);
  CHECK(other.value == Approx(r.value).epsilon(1e-13));
}

TEST_CASE("the length of the embedding: cosines do not see it, distances do", "[losses][pairs]") {
  const Tensor x = random(16, 8, 1), y = labels_of(kLabels);
  const Tensor longer = from_vector(
      [&] {
        std::vector<double> v = x.to_vector<double>();
        for (double& e : v) e *= 7;
        return v;
      }(),
      {16, 8});
  const auto scaled = [&](const auto& small, const auto& large, double value, double gradient) {
    const Result a = run([&](const Variable&f) { return small(pairs_within("test", f, y)); }, x),
                 b = run([&](const Variable&f) { return large(pairs_within("test", f, y)); }, longer);
    CHECK(a.value > 0);
    CHECK(b.value == Approx(value * a.value).epsilon(1e-10));
    for (std::size_t i = 0; i < a.gradient.size(); ++i)
      CHECK(b.gradient[i] == Approx(gradient * a.gradient[i]).epsilon(1e-8).margin(1e-12));
  };
  for (const Case& c : cases())
    if (c.cosine) {
      INFO(c.name);
      scaled(c.loss, c.loss, 1, 1.0 / 7);
    }
  for (const ContrastiveForm form : {ContrastiveForm::Pml, ContrastiveForm::Hadsell}) {
    const bool squared = form == ContrastiveForm::Hadsell;
    scaled(
        [form](const PairBatch& b) {
          return contrastive(b, {form, 1, 4});
        },
        [form](const PairBatch& b) {
          return contrastive(b, {form, 7, 28});
        },
        squared ? 49 : 7, squared ? 7 : 1);
  }
  scaled([](const PairBatch& b) { return triplet_semihard(b, 0.5, TripletMargin::Hinge); },
         [](const PairBatch& b) { return triplet_semihard(b, 3.5, TripletMargin::Hinge); }, 7, 1);
}

TEST_CASE("hard, semi-hard and easy triplets share out all of them", "[losses][pairs]") {
  const Tensor y = labels_of(kLabels);
  const Tensor point = unit(random(1, 8, 6)).expand({16, 8}).contiguous();
  for (const Tensor& x : {unit(random(16, 8, 1)), point, unit(random(16, 8, 2)).to(DType::Float32)}) {
    const PairBatch batch = pairs_within("test", Variable(x), y);
    const Tensor d = pair_distances(batch).value();
    for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft}) {
      struct Result {
        double value, triplets, mined, active;
      };
      const auto of = [&](TripletMiner miner) -> Result {
        const TripletResult r = all_triplets(d, batch.positive, batch.negative,
                                             triplet_params({.margin = 0.2, .form = form, .miner = miner}));
        const std::vector<double> counts = r.counts.to_vector<double>();
        return {r.value.item(), counts[0], counts[1], counts[2]};
      };
      const Result all = of(TripletMiner::All), hard = of(TripletMiner::Hard), semihard = of(TripletMiner::Semihard),
                   easy = of(TripletMiner::Easy);
      CHECK(all.triplets == 16 * 3 * 12);
      CHECK(all.mined == all.triplets);
      CHECK(hard.mined + semihard.mined + easy.mined == all.mined);
      CHECK(hard.active + semihard.active + easy.active == all.active);
      if (form == TripletMargin::Hinge) CHECK(easy.active == 0);
      const auto sum = [&](const Result& t) { return t.value * (form == TripletMargin::Hinge ? t.active : t.mined); };
      CHECK(sum(hard) + sum(semihard) + sum(easy) ==
            Approx(sum(all)).epsilon(x.dtype() == DType::Float32 ? 1e-5 : 1e-12));
    }
  }
}

TEST_CASE("numbers of the losses of pairs for the log", "[losses][pairs]") {
  // On a line: classes at 0, 1 and at 3, 5. Positive pairs 1 and 2 apart; negative ones 3, 5, 2, 4.
  const Tensor y = labels_of({7, 7, 9, 9});
  const PairBatch line = pairs_within("test", Variable(from_vector(std::vector<double>{0, 1, 3, 5}, {4, 1})), y);
  const auto check = [](const LossOutput& out, double value, double active, double positive, double negative) {
    CHECK(out.value.item() == Approx(value));
    REQUIRE(out.numbers.size() == 3);
    CHECK(out.numbers[0].first == "active");
    CHECK(out.numbers[0].second.value() == Approx(active).margin(1e-15));
    CHECK(out.numbers[1].first == "mean_positive");
    CHECK(out.numbers[1].second.value() == Approx(positive));
    CHECK(out.numbers[2].first == "mean_negative");
    CHECK(out.numbers[2].second.value() == Approx(negative));
  };
  // Beyond 1.5: the positive pair of 2. Below 3.5: the negative pairs of 3 and 2.
  check(contrastive(line, {ContrastiveForm::Pml, 1.5, 3.5}), 0.5 + (0.5 + 1.5) / 2, 3.0 / 6, 1.5, 3.5);
  check(contrastive(line, {ContrastiveForm::Hadsell, 1.5, 3.5}), (0.25 + 0.25 + 2.25) / 6, 3.0 / 6, 1.5, 3.5);
  // Semi-hard, z: 0: 1-3; 1: 1-2; 2: 2-3; 3: 2-4.
  check(triplet_semihard(line, 1.5, TripletMargin::Hinge), (0.5 + 0.5) / 2, 2.0 / 4, 1.5, 3.5);
  // Hard: D_an <= D_ap only at 2 (2-2); its share is of all eight triplets.
  check(triplet_all(line, {.margin = 1.5, .miner = TripletMiner::Hard}), 1.5, 1.0 / 8, 1.5, 3.5);

  // On a circle at 0, 60, 90 and 180 degrees: cosines of the classes' pairs .5 and 0; of negatives 0, -1; .866, -.5.
  const double h = std::sqrt(3.0) / 2, r2 = std::sqrt(2.0);
  const Tensor angles = from_vector(std::vector<double>{1, 0, 0.5, h, 0, 1, -1, 0}, {4, 2});
  const PairBatch circle = pairs_within("test", Variable(angles), y);
  const double positive = (1 + r2) / 2, negative = (r2 + 2 + std::sqrt(2 - 2 * h) + std::sqrt(3.0)) / 4;
  const auto e = [](double x) { return std::exp(x); };
  // Temperature 1. Positives overtaken: that of 60 degrees (.866 > .5) and that of 90 (.866 > 0).
  const double xent = (std::log1p((e(0) + e(-1)) / e(0.5)) + std::log1p((e(h) + e(-0.5)) / e(0.5)) +
                       std::log1p((e(h) + e(0)) / e(0)) + std::log1p((e(-1) + e(-0.5)) / e(0))) /
                      4;
  check(nt_xent(circle, 1), xent, 0.5, positive, negative);
  check(supcon(circle, 1), xent, 0.5, positive, negative);  // the same where each has one positive
  check(n_pair(Variable(angles), y), (std::log1p(e(-1 - 0.5)) + std::log1p(e(h - 0))) / 2, 0.5, positive,
        (2 + std::sqrt(2 - 2 * h)) / 2);
  // Kept with epsilon 0.1: nothing at 0 degrees (.4 < 0 is false) and at 180 (-.1 < -.5 is false).
  CHECK(multi_similarity(circle).numbers[0].second.value() == 0.5);
  CHECK(multi_similarity(circle, {.miner = false}).numbers[0].second.value() == 1);
  CHECK(multi_similarity(circle).numbers[1].second.value() == Approx(positive));
  CHECK(multi_similarity(circle).numbers[2].second.value() == Approx(negative));
}

TEST_CASE("losses of pairs refuse labels that do not fit", "[losses][pairs]") {
  const Variable f(random(4, 6, 9), true);
  CHECK_THROWS_WITH(pairs_within("contrastive", f, labels_of({0, 1, 2})), Catch::Contains("[contrastive]"));
  CHECK_THROWS_AS(n_pair(f, labels_of({0, 1, 2})), Error);
  CHECK_THROWS_WITH(pairs_against("memory", f, labels_of({0, 0, 1, 1}), random(3, 5, 1), labels_of({0, 1, 2})),
                    Catch::Contains("another size") && Catch::Contains("3x5") && Catch::Contains("4x6"));
}
