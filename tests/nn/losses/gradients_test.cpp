// Central differences of every loss in float64, and what the goldens cannot show: kinks, equality, empty cases.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops/distance.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using namespace fledge::test;

namespace {

void check(const char* name, const std::function<Variable(const std::vector<Variable>&)>& f,
           const std::vector<Tensor>& inputs) {
  const GradcheckResult r = gradcheck(f, inputs);
  INFO(name << ": " << r.message);
  CHECK(r.ok);
  CHECK(r.worst <= 1e-6);
}

bool all_finite(const Tensor& t) {
  for (double v : t.to_vector<double>())
    if (!std::isfinite(v)) return false;
  return true;
}

}  // namespace

TEST_CASE("central differences agree with the gradient of every loss", "[losses][gradcheck]") {
  const Tensor f = random(16, 8, 1), g = random(16, 8, 2), other = random(16, 5, 3), y = labels_of(kLabels);
  using V = std::vector<Variable>;
  // Through the normalisation, as in training.
  const auto e = [](const V& v) { return l2_normalize(v[0]); };
  for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft}) {
    check("triplet_batch_hard", [&](const V& v) { return triplet_batch_hard(e(v), y, 0.2, form).value; }, {f});
    check("triplet_all", [&](const V& v) { return triplet_all(e(v), y, 0.2, form).value; }, {f});
  }
  for (const AbsoluteForm form : {AbsoluteForm::L2, AbsoluteForm::Squared, AbsoluteForm::Cosine})
    check("absolute", [&](const V& v) { return absolute_teacher(e(v), unit(g), form); }, {f});
  check("absolute, eps inside", [&](const V& v) { return absolute_teacher(e(v), unit(g), AbsoluteForm::L2, true); },
        {f});
  for (const RelativeForm form :
       {RelativeForm::Frobenius, RelativeForm::MeanAbs, RelativeForm::MeanSquared, RelativeForm::RkdHuber}) {
    check("relative", [&](const V& v) { return relative_teacher(v[0], other, form); }, {f});
    check("relative on unit rows", [&](const V& v) { return relative_teacher(e(v), unit(other), form); }, {f});
  }
  check("cross_entropy", [&](const V& v) { return cross_entropy(v[0], y, 0.1); }, {other});
  check("cosine_softmax", [&](const V& v) { return cosine_softmax(v[0], v[1], y, 20); }, {f, random(4, 8, 4)});
}

TEST_CASE("a student equal to its teacher has gradient 0, not NaN", "[losses]") {
  const Tensor g = unit(random(12, 8, 5));
  const auto gradient = [&](const auto& loss) {
    const Variable f(g.clone(), true);
    const Variable value = loss(f);
    CHECK(std::abs(value.item()) < 1e-5);  // eps inside is 1e-6 * sqrt(8)
    value.backward();
    REQUIRE(all_finite(f.grad()));
    return largest(f.grad());
  };
  CHECK(gradient([&](const Variable& f) { return absolute_teacher(f, g, AbsoluteForm::L2); }) == 0);
  CHECK(gradient([&](const Variable& f) { return absolute_teacher(f, g, AbsoluteForm::L2, true); }) == 0);
  CHECK(gradient([&](const Variable& f) { return absolute_teacher(f, g, AbsoluteForm::Squared); }) == 0);
  CHECK(gradient([&](const Variable& f) { return absolute_teacher(f, g, AbsoluteForm::Cosine); }) < 1e-12);
  for (const RelativeForm form :
       {RelativeForm::Frobenius, RelativeForm::MeanAbs, RelativeForm::MeanSquared, RelativeForm::RkdHuber})
    CHECK(gradient([&](const Variable& f) { return relative_teacher(f, g, form); }) == 0);
}

TEST_CASE("copies of one picture in a batch do no harm", "[losses]") {
  // All rows equal: every distance is clamped.
  const Tensor point = unit(random(1, 8, 6)).expand({16, 8}).contiguous(), g = unit(random(16, 8, 7)),
               y = labels_of(kLabels);
  const auto finite = [&](const Variable& value, const Variable& f) {
    CHECK(std::isfinite(value.item()));
    value.backward();
    CHECK(all_finite(f.grad()));
  };
  for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft}) {
    Variable f(point.clone(), true);
    const LossOutput hard = triplet_batch_hard(f, y, 0.2, form);
    CHECK(hard.value.item() == Approx(form == TripletMargin::Hinge ? 0.2 : std::log(2.0)));
    finite(hard.value, f);
    f = Variable(point.clone(), true);
    const LossOutput all = triplet_all(f, y, 0.2, form);
    CHECK(all.value.item() == Approx(form == TripletMargin::Hinge ? 0.2 : std::log(2.0)));
    finite(all.value, f);
  }
  for (const RelativeForm form :
       {RelativeForm::Frobenius, RelativeForm::MeanAbs, RelativeForm::MeanSquared, RelativeForm::RkdHuber}) {
    const Variable f(point.clone(), true);
    finite(relative_teacher(f, g, form), f);
  }
}

TEST_CASE("margin 0 and a collapsed batch: zero loss (Q1 of the paper's code)", "[losses]") {
  const Variable f(ones({8, 4}, DType::Float64), true);
  const LossOutput out = triplet_batch_hard(f, labels_of({0, 0, 1, 1, 2, 2, 3, 3}), 0, TripletMargin::Hinge);
  CHECK(out.value.item() == 0);
  CHECK(values_of(out.numbers)[0] == std::pair<std::string, double>("active", 0));
}

TEST_CASE("batches without triplets have loss 0 and gradient 0", "[losses]") {
  const std::vector<std::vector<std::int64_t>> batches = {{1, 1, 1, 1}, {0, 1, 2, 3}};  // no negatives; no positives
  for (const auto& y : batches)
    for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft})
      for (const bool hard : {false, true}) {
        const Variable f(unit(random(4, 6, 8)), true);
        const LossOutput out =
            hard ? triplet_batch_hard(f, labels_of(y), 0.2, form) : triplet_all(f, labels_of(y), 0.2, form);
        CHECK(out.value.item() == 0);
        CHECK(out.numbers[0].second.value() == 0);
        out.value.backward();
        CHECK(largest(f.grad()) == 0);
      }
}

TEST_CASE("numbers for the log", "[losses]") {
  // On a line: classes at 0, 1 and at 3, 5.
  const Tensor x = from_vector(std::vector<double>{0, 1, 3, 5}, {4, 1});
  const Tensor y = labels_of({7, 7, 9, 9});
  // Hardest z: 0: 1-3, 1: 1-2, 2: 2-2, 3: 2-4.
  const LossOutput hard = triplet_batch_hard(Variable(x), y, 1.5, TripletMargin::Hinge);
  CHECK(hard.value.item() == Approx((0 + 0.5 + 1.5 + 0) / 4));
  CHECK(hard.numbers[0].second.value() == Approx(0.5));
  CHECK(hard.numbers[1].second.value() == Approx(1.5));
  CHECK(hard.numbers[2].second.value() == Approx((3 + 2 + 2 + 4) / 4.0));
  // Triplets' z: 0: 1-3, 1-5; 1: 1-2, 1-4; 2: 2-3, 2-2; 3: 2-5, 2-4. With margin 1.5 three are active.
  const LossOutput all = triplet_all(Variable(x), y, 1.5, TripletMargin::Hinge);
  CHECK(all.value.item() == Approx((0.5 + 0.5 + 1.5) / 3));
  CHECK(all.numbers[0].second.value() == Approx(3.0 / 8));
  CHECK(all.numbers[1].second.value() == Approx(1.5));
  CHECK(all.numbers[2].second.value() == Approx((3 + 5 + 2 + 4) / 4.0));
}

TEST_CASE("losses refuse what does not fit, and say what", "[losses]") {
  const Variable f(random(4, 6, 9), true);
  CHECK_THROWS_WITH(
      absolute_teacher(f, random(4, 9, 1), AbsoluteForm::L2),
      Catch::Contains("student's embedding has 6 numbers, the teacher's 9") && Catch::Contains("relative teacher"));
  CHECK_THROWS_WITH(absolute_teacher(f, random(5, 6, 1), AbsoluteForm::L2),
                    Catch::Contains("4x6") && Catch::Contains("5x6"));
  CHECK_THROWS_AS(absolute_teacher(f, random(4, 6, 1), AbsoluteForm::Squared, true), Error);
  CHECK_THROWS_WITH(relative_teacher(Variable(random(1, 6, 9)), random(1, 6, 1), RelativeForm::MeanAbs),
                    Catch::Contains("no pairs"));
  CHECK_THROWS_AS(triplet_all(f, labels_of({0, 1, 2}), 0.2, TripletMargin::Hinge), Error);
  CHECK_THROWS_WITH(cross_entropy(f, labels_of({0, 1, 6, 2})), Catch::Contains("label 6 at row 2"));
}
