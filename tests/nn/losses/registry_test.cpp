// The registry of losses: names, options, suggestions, what a made loss declares and returns.
#include <catch2/catch.hpp>

#include "base/suggest.h"
#include "nn/losses/loss.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"

using namespace fledge;
using Catch::Contains;

namespace {

const LossSetup kSetup{.classes = 3,
                       .embedding = 6,
                       .teacher_embedding = 6,
                       .student_stages = {2, 3, 4, 5},
                       .teacher_stages = {3, 4, 5, 6},
                       .seed = 4};

struct Batch {
  ModelOutput student, teacher;
  Tensor labels = from_vector(std::vector<std::int64_t>{0, 0, 1, 1, 2, 2}, {6});
  Batch() {
    Generator g(3);
    student.embedding = Variable(l2_normalize(rand_normal({6, 6}, g)).y, true);
    teacher.embedding = Variable(l2_normalize(rand_normal({6, 6}, g)).y);
    for (std::size_t i = 0; i < kSetup.student_stages.size(); ++i) {
      student.feature_maps.emplace_back(rand_normal({6, kSetup.student_stages[i], 3, 3}, g), true);
      teacher.feature_maps.emplace_back(rand_normal({6, kSetup.teacher_stages[i], 3, 3}, g));
    }
  }
  LossInput input() const { return {student, labels, &teacher}; }
};

ErrorKind kind_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.kind();
  }
  return ErrorKind::Internal;
}

}  // namespace

TEST_CASE("every registered loss can be made with its defaults and back-propagates", "[losses][registry]") {
  const Batch batch;
  for (const auto& [name, entry] : loss_registry()) {
    INFO(name);
    CHECK_FALSE(entry.summary.empty());
    const std::shared_ptr<Loss> loss = make_loss(name, {}, kSetup);
    CHECK(loss->name() == name);
    const LossNeeds needs = loss->needs();
    CHECK(needs.labels == (entry.kind == LossKind::Metric));
    CHECK((needs.teacher_embedding || needs.teacher_stages) == (entry.kind == LossKind::Teacher));
    CHECK(needs.student_stages == needs.teacher_stages);
    const LossOutput out = loss->forward(batch.input());
    CHECK(out.value.dims().numel() == 1);
    CHECK(out.value.item() > 0);
    CHECK_FALSE(out.numbers.empty());
    Variable f = needs.student_stages ? batch.student.feature_maps.back() : batch.student.embedding;
    f.zero_grad();
    out.value.backward();
    CHECK(f.grad().defined());
    for (const Variable& p : loss->parameters()) CHECK(p.grad().defined());
  }
}

TEST_CASE("names of the losses and of their parameters are stable", "[losses][registry]") {
  std::vector<std::string> names;
  for (const auto& entry : loss_registry()) names.push_back(entry.first);
  CHECK(names ==
        std::vector<std::string>{
            "absolute",        "arcface",      "attention",    "contrastive", "cosface",          "cosine-softmax",
            "darkrank",        "hints",        "margin",       "memory",      "multi-similarity", "n-pair",
            "nt-xent",         "pkt",          "proxy-anchor", "proxy-nca",   "relative",         "relaxed-contrastive",
            "rkd-angle",       "rkd-distance", "softmax",      "supcon",      "triplet",          "triplet-hard",
            "triplet-semihard"});
  const auto proxies = make_loss("cosine-softmax", {}, kSetup)->named_parameters();
  REQUIRE(proxies.size() == 1);
  CHECK(proxies[0].first == "proxies");
  CHECK(proxies[0].second.dims() == Dims{3, 6});
  const auto classifier = make_loss("softmax", {}, kSetup)->named_parameters();
  REQUIRE(classifier.size() == 2);
  CHECK(classifier[0].first == "classifier.weight");
  CHECK(classifier[0].second.dims() == Dims{3, 6});
  CHECK(make_loss("triplet", {}, kSetup)->parameters().empty());
  // Drawn from the seed alone.
  const auto draw = [](std::uint64_t seed) {
    LossSetup setup = kSetup;
    setup.seed = seed;
    return make_loss("cosine-softmax", {}, setup)->parameters()[0].value().to_vector<float>();
  };
  CHECK(draw(4) == draw(4));
  CHECK(draw(4) != draw(5));
}

TEST_CASE("options reach the loss", "[losses][registry]") {
  const Batch batch;
  const auto value = [&](const std::string& name, const LossOptions& options) {
    return make_loss(name, options, kSetup)->forward(batch.input()).value.item();
  };
  const Variable& f = batch.student.embedding;
  const Tensor& g = batch.teacher.embedding.value();
  CHECK(value("triplet", {{"margin", "0.5"}}) == triplet_all(f, batch.labels, 0.5, TripletMargin::Hinge).value.item());
  CHECK(value("triplet", {}) == triplet_all(f, batch.labels, 0.2, TripletMargin::Hinge).value.item());
  CHECK(value("triplet-hard", {{"form", "soft"}}) ==
        triplet_batch_hard(f, batch.labels, 0, TripletMargin::Soft).value.item());
  CHECK(value("triplet-hard", {{"margin", "0"}}) ==
        triplet_batch_hard(f, batch.labels, 0, TripletMargin::Hinge).value.item());
  CHECK(value("absolute", {{"abs-form", "sq"}}) == absolute_teacher(f, g, AbsoluteForm::Squared).item());
  CHECK(value("absolute", {{"abs-form", "cos"}}) == absolute_teacher(f, g, AbsoluteForm::Cosine).item());
  CHECK(value("absolute", {{"abs-eps-inside", "on"}}) == absolute_teacher(f, g, AbsoluteForm::L2, true).item());
  CHECK(value("relative", {{"rel-form", "mean_abs"}}) == relative_teacher(f, g, RelativeForm::MeanAbs).item());
  CHECK(value("relative", {{"rel-form", "mean_sq"}}) == relative_teacher(f, g, RelativeForm::MeanSquared).item());
  CHECK(value("relative", {{"rel-form", "rkd_huber"}}) == relative_teacher(f, g, RelativeForm::RkdHuber).item());
  CHECK(value("relative", {}) == relative_teacher(f, g, RelativeForm::Frobenius).item());
  CHECK(value("cosine-softmax", {{"scale", "5"}}) != value("cosine-softmax", {}));
  CHECK(value("softmax", {{"label-smoothing", "0.3"}}) != value("softmax", {}));
}

TEST_CASE("a wrong name, option or value is refused with a way out", "[losses][registry]") {
  CHECK_THROWS_WITH(make_loss("tripelt", {}, kSetup), Contains("'tripelt'") && Contains("did you mean 'triplet'?"));
  CHECK_THROWS_WITH(make_loss("xyz", {}, kSetup), Contains("known: absolute, arcface"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"margn", "1"}}, kSetup),
                    Contains("margn") && Contains("did you mean 'margin'?"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"margin", "wide"}}, kSetup),
                    Contains("margin is 'wide'") && Contains("a number"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"margin", "-1"}}, kSetup), Contains("at least 0"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"margin", "0.2x"}}, kSetup), Contains("0.2x"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"margin", "nan"}}, kSetup), Contains("nan"));
  CHECK_THROWS_WITH(make_loss("triplet", {{"form", "sofd"}}, kSetup),
                    Contains("hinge, soft") && Contains("did you mean 'soft'?"));
  CHECK_THROWS_WITH(make_loss("absolute", {{"abs-eps-inside", "maybe"}}, kSetup), Contains("on or off"));
  CHECK_THROWS_WITH(make_loss("absolute", {{"abs-eps-inside", "on"}, {"abs-form", "sq"}}, kSetup),
                    Contains("abs-form l2"));
  CHECK(kind_of([] { make_loss("relative", {{"rel-form", "l3"}}, kSetup); }) == ErrorKind::Usage);
  CHECK(kind_of([] { make_loss("softmax", {}, {.classes = 1, .embedding = 6}); }) == ErrorKind::Usage);
}

TEST_CASE("the absolute teacher without a projection needs equal sizes and says so before training starts",
          "[losses][registry]") {
  const LossSetup setup{.classes = 3, .embedding = 64, .teacher_embedding = 512};
  CHECK_THROWS_WITH(make_loss("absolute", {{"projection", "off"}}, setup),
                    Contains("64") && Contains("512") && Contains("--embedding 512") && Contains("relative"));
  CHECK(make_loss("relative", {}, setup) != nullptr);
}

TEST_CASE("a teacher loss without a teacher", "[losses][registry]") {
  const Batch batch;
  for (const char* name : {"absolute", "relative"})
    CHECK_THROWS_WITH(make_loss(name, {}, kSetup)->forward({batch.student, batch.labels, nullptr}),
                      Contains("no teacher"));
}

TEST_CASE("accuracy is the share of rows whose own class wins", "[losses][registry]") {
  const auto loss = make_loss("cosine-softmax", {}, kSetup);
  const Variable proxies = loss->parameters()[0];
  const std::vector<std::int64_t> y = {2, 0, 1, 2};
  const Tensor labels = from_vector(y, {4});
  ModelOutput student;
  // Rows 0 to 2 are their own proxies, row 3 is that of class 0.
  std::vector<float> rows;
  const std::vector<float> p = proxies.value().to_vector<float>();
  for (std::int64_t c : {2, 0, 1, 0}) rows.insert(rows.end(), p.begin() + c * 6, p.begin() + (c + 1) * 6);
  student.embedding = Variable(from_vector(rows, {4, 6}));
  const LossOutput out = loss->forward({student, labels});
  CHECK(values_of(out.numbers)[0] == std::pair<std::string, double>("accuracy", 0.75));
}

TEST_CASE("edit distance and suggestions", "[suggest]") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("tripelt", "triplet") == 1);  // one swap
  CHECK(edit_distance("same", "same") == 0);
  const std::vector<std::string> known = {"train", "distill", "eval", "embed", "bench"};
  CHECK(suggest("trian", known) == "train");
  CHECK(suggest("dis", known) == "distill");  // the beginning of one
  CHECK(suggest("zzzzz", known).empty());
  CHECK(suggest("e", known).empty());
}
