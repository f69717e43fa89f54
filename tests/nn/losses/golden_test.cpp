// Losses against PyTorch in float64: values and gradients, every form (tests/golden/make_losses.py).
#include <catch2/catch.hpp>

#include "autograd/ops/eltwise.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const NamedTensors& goldens() {
  static const NamedTensors file = golden_file("losses.safetensors");
  return file;
}

Tensor golden(const std::string& name) { return find(goldens(), name); }
Variable leaf(const std::string& name) { return Variable(golden(name).clone(), true); }

/// The value, and the gradient of each named leaf, to 1e-11 of their size.
/// Back-propagated from 3 * value: the seed must count.
void check(const std::string& name, const Variable& value,
           const std::vector<std::pair<std::string, Variable>>& leaves) {
  INFO(name);
  CHECK(value.item() == Approx(golden(name).item()).epsilon(1e-11));
  (3.0 * value).backward();
  for (const auto& [key, v] : leaves) {
    INFO("gradient of " << key);
    REQUIRE(v.grad().defined());
    const std::vector<double> got = v.grad().to_vector<double>(),
                              expected = golden(name + ".grad_" + key).to_vector<double>();
    REQUIRE(got.size() == expected.size());
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      worst = std::max(worst, std::abs(got[i] / 3 - expected[i]));
      largest = std::max(largest, std::abs(expected[i]));
    }
    CHECK(worst <= 1e-11 * largest);
  }
}

}  // namespace

TEST_CASE("triplet losses equal PyTorch's", "[losses][golden]") {
  const Tensor labels = golden("labels");
  for (const bool soft : {false, true})
    for (const double margin : {0.0, 0.2}) {
      if (soft && margin > 0) continue;
      const std::string form = soft ? "soft" : margin > 0 ? "hinge0.2" : "hinge0.0";
      const TripletMargin kind = soft ? TripletMargin::Soft : TripletMargin::Hinge;
      Variable f = leaf("f");
      check("triplet_hard." + form, triplet_batch_hard(f, labels, margin, kind).value, {{"f", f}});
      f = leaf("f");
      check("triplet_all." + form, triplet_all(f, labels, margin, kind).value, {{"f", f}});
    }
}

TEST_CASE("absolute teacher equals PyTorch's", "[losses][golden]") {
  const Tensor g = golden("g");
  const auto run = [&](const std::string& name, AbsoluteForm form, bool eps_inside) {
    const Variable f = leaf("f");
    check(name, absolute_teacher(f, g, form, eps_inside), {{"f", f}});
  };
  run("absolute.l2", AbsoluteForm::L2, false);
  run("absolute.l2_eps_inside", AbsoluteForm::L2, true);
  run("absolute.sq", AbsoluteForm::Squared, false);
  run("absolute.cos", AbsoluteForm::Cosine, false);
}

TEST_CASE("relative teacher equals PyTorch's", "[losses][golden]") {
  const auto run = [&](const std::string& name, const std::string& student, const std::string& teacher,
                       RelativeForm form) {
    const Variable f = leaf(student);
    check(name, relative_teacher(f, golden(teacher), form), {{student, f}});
  };
  for (const std::string other : {"", "_other"}) {  // a teacher of the student's size, and of another
    run("relative.frobenius" + other, "f", "g" + other, RelativeForm::Frobenius);
    run("relative.mean_abs" + other, "f", "g" + other, RelativeForm::MeanAbs);
    run("relative.mean_sq" + other, "f", "g" + other, RelativeForm::MeanSquared);
  }
  run("relative.rkd_huber", "raw", "g_other", RelativeForm::RkdHuber);
  run("relative.rkd_huber_outliers", "raw", "g_outliers", RelativeForm::RkdHuber);
}

TEST_CASE("classification losses equal PyTorch's", "[losses][golden]") {
  const Tensor labels = golden("labels");
  Variable logits = leaf("logits");
  check("cross_entropy.plain", cross_entropy(logits, labels), {{"logits", logits}});
  logits = leaf("logits");
  check("cross_entropy.smooth0.1", cross_entropy(logits, labels, 0.1), {{"logits", logits}});
  const Variable raw = leaf("raw"), proxies = leaf("proxies");
  check("cosine_softmax.scale20", cosine_softmax(raw, proxies, labels, 20), {{"raw", raw}, {"proxies", proxies}});
}

TEST_CASE("losses in float32 agree with their float64 goldens", "[losses][golden]") {
  const Tensor labels = golden("labels");
  const auto f = [&] { return Variable(golden("f").to(DType::Float32), true); };
  const Tensor g = golden("g").to(DType::Float32);
  CHECK(triplet_all(f(), labels, 0.2, TripletMargin::Hinge).value.item() ==
        Approx(golden("triplet_all.hinge0.2").item()).epsilon(1e-5));
  CHECK(triplet_all(f(), labels, 0, TripletMargin::Soft).value.item() ==
        Approx(golden("triplet_all.soft").item()).epsilon(1e-5));
  CHECK(triplet_batch_hard(f(), labels, 0.2, TripletMargin::Hinge).value.item() ==
        Approx(golden("triplet_hard.hinge0.2").item()).epsilon(1e-5));
  CHECK(relative_teacher(f(), g, RelativeForm::Frobenius).item() ==
        Approx(golden("relative.frobenius").item()).epsilon(1e-5));
  // A teacher kept in another type is converted.
  CHECK(absolute_teacher(f(), golden("g"), AbsoluteForm::L2).item() ==
        Approx(golden("absolute.l2").item()).epsilon(1e-5));
}
