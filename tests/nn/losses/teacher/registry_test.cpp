// Losses that learn from a teacher as the training loop meets them: names, options, parameters, what they ask for.
#include <catch2/catch.hpp>

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/gemm.h"
#include "nn/losses/loss.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/similarity.h"
#include "nn/losses/teacher/stages.h"
#include "nn/optim/registry.h"
#include "tensor/random.h"

using namespace fledge;
using Catch::Contains;

namespace {

const LossSetup kSetup{
    .embedding = 6, .teacher_embedding = 8, .student_stages = {2, 3, 4, 5}, .teacher_stages = {3, 4, 6, 7}, .seed = 4};

/// Both networks' outputs; the teacher's maps are larger.
struct Batch {
  ModelOutput student, teacher;
  Batch() {
    Generator g(3);
    const auto maps = [&](const std::vector<std::int64_t>& channels, std::int64_t size, bool wants) {
      std::vector<Variable> stages;
      for (std::int64_t c : channels) {
        const Tensor map = rand_normal({5, c, size, size}, g, 0, 1, DType::Float32, Layout::ChannelsLast);
        stages.emplace_back(map, wants);
        size = (size + 1) / 2;
      }
      return stages;
    };
    student.embedding = Variable(rand_normal({5, 6}, g), true);
    teacher.embedding = l2_normalize(Variable(rand_normal({5, 8}, g)));
    student.feature_maps = maps(kSetup.student_stages, 8, true);
    teacher.feature_maps = maps(kSetup.teacher_stages, 11, false);
  }
  LossInput input() const { return {student, {}, &teacher}; }
};

const std::vector<std::string> kNames = {"absolute",  "attention",    "darkrank",           "hints", "pkt", "relative",
                                         "rkd-angle", "rkd-distance", "relaxed-contrastive"};

double value(const Batch& batch, const std::string& name, const LossOptions& options) {
  return make_loss(name, options, kSetup)->forward(batch.input()).value.item();
}

std::vector<std::string> parameter_names(const std::string& name, const LossOptions& options) {
  std::vector<std::string> names;
  for (const auto& p : make_loss(name, options, kSetup)->named_parameters()) names.push_back(p.first);
  return names;
}

}  // namespace

TEST_CASE("every teacher loss runs with its defaults and moves the student", "[losses][teacher][registry]") {
  for (const std::string& name : kNames) {
    INFO(name);
    CHECK(loss_registry().at(name).kind == LossKind::Teacher);
    const Batch batch;
    const std::shared_ptr<Loss> loss = make_loss(name, {}, kSetup);
    CHECK(loss->name() == name);
    const LossNeeds needs = loss->needs();
    CHECK_FALSE(needs.labels);
    CHECK(needs.student_stages == needs.teacher_stages);
    CHECK(needs.student_stages != needs.teacher_embedding);
    const LossOutput out = loss->forward(batch.input());
    CHECK(out.value.item() > 0);
    CHECK(out.numbers.size() == 1);
    out.value.backward();
    CHECK(batch.student.embedding.grad().defined() == needs.teacher_embedding);
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(batch.student.feature_maps[i].grad().defined() == (needs.student_stages && i >= 1));
    for (const Variable& p : loss->parameters()) CHECK(p.grad().defined());
    CHECK_THROWS_WITH(loss->forward({batch.student, {}, nullptr}), Contains("no teacher"));
  }
}

TEST_CASE("options of the teacher losses reach them", "[losses][teacher][registry]") {
  const Batch b;
  const Variable& f = b.student.embedding;
  const Tensor& g = b.teacher.embedding.value();
  CHECK(value(b, "rkd-distance", {}) == rkd_distance(f, g).value.item());
  CHECK(value(b, "rkd-angle", {}) == rkd_angle(f, g).value.item());
  CHECK(value(b, "darkrank", {}) == darkrank(f, g, {RankForm::Hard, 3, 3, 4}).value.item());
  CHECK(value(b, "darkrank", {{"darkrank-form", "soft"}, {"darkrank-alpha", "0.5"}}) ==
        darkrank(f, g, {RankForm::Soft, 0.5, 3, 4}).value.item());
  CHECK(value(b, "darkrank", {{"darkrank-beta", "1"}, {"darkrank-length", "2"}}) ==
        darkrank(f, g, {RankForm::Hard, 3, 1, 2}).value.item());
  CHECK(value(b, "pkt", {}) == pkt(f, g, true).value.item());
  CHECK(value(b, "pkt", {{"pkt-diagonal", "off"}}) == pkt(f, g, false).value.item());
  CHECK(value(b, "relaxed-contrastive", {}) == relaxed_contrastive(f, g, 1, 1).value.item());
  CHECK(value(b, "relaxed-contrastive", {{"rc-sigma", "2"}, {"rc-delta", "1.5"}}) ==
        relaxed_contrastive(f, g, 2, 1.5).value.item());
  const auto attended = [&](std::size_t i) {
    return attention(b.student.feature_maps[i], b.teacher.feature_maps[i].value()).value.item();
  };
  CHECK(value(b, "attention", {}) == Approx((attended(1) + attended(2) + attended(3)) / 3));
  CHECK(value(b, "attention", {{"attention-stages", "1"}}) == Approx(attended(0)));
}

TEST_CASE("hints: a regressor for each stage, drawn from the seed", "[losses][teacher][registry]") {
  const Batch b;
  CHECK(parameter_names("hints", {}) == std::vector<std::string>{"stage2.weight", "stage3.weight", "stage4.weight"});
  const LossOptions options{{"hint-stages", "1,embedding"}, {"hint-normalize", "on"}};
  const std::shared_ptr<Loss> loss = make_loss("hints", options, kSetup);
  const auto parameters = loss->named_parameters();
  REQUIRE(parameters.size() == 2);
  CHECK(parameters[0].first == "stage1.weight");
  CHECK(parameters[0].second.dims() == Dims{3, 2, 1, 1});
  CHECK(parameters[1].first == "embedding.weight");
  CHECK(parameters[1].second.dims() == Dims{8, 6, 1, 1});
  CHECK(loss->needs().teacher_embedding);
  CHECK(loss->needs().student_stages);
  // The embedding's: the mean over N and D' of (W f - g)^2, over the mean of g^2 = 1 / D'.
  const Variable& f = b.student.embedding;
  const Tensor g = b.teacher.embedding.value(), w = parameters[1].second.value().reshape({8, 6});
  const double maps =
      hint(b.student.feature_maps[0], parameters[0].second, b.teacher.feature_maps[0].value(), true).value.item();
  const double embeddings = 8 * absolute_teacher(linear(f, Variable(w), {}), g, AbsoluteForm::Squared).item() / 8;
  CHECK(loss->forward(b.input()).value.item() == Approx((maps + embeddings) / 2).epsilon(1e-5));
  const auto drawn = [](std::uint64_t seed) {
    LossSetup setup = kSetup;
    setup.seed = seed;
    return make_loss("hints", {}, setup)->parameters()[0].value().to_vector<float>();
  };
  CHECK(drawn(4) == drawn(4));
  CHECK(drawn(4) != drawn(5));
}

TEST_CASE("lists of stages that do not fit are refused", "[losses][teacher][registry]") {
  for (const char* list : {"", "0", "2,,3", "2,2", "2,", "two", "-1", "2 3", "embedding"})
    CHECK_THROWS_WITH(make_loss("attention", {{"attention-stages", list}}, kSetup),
                      Contains("attention-stages is") && Contains("counted from 1"));
  CHECK_THROWS_WITH(make_loss("hints", {{"hint-stages", "embedding,embedding"}}, kSetup), Contains("hint-stages is"));
  CHECK_THROWS_WITH(make_loss("hints", {{"hint-stages", "5"}}, kSetup),
                    Contains("stage 5") && Contains("the student has 4 stages, the teacher 4"));
  CHECK_THROWS_WITH(make_loss("hints", {}, {.embedding = 6, .student_stages = {2, 3, 4, 5}}),
                    Contains("the teacher 0") && Contains("--teacher"));
  CHECK_THROWS_WITH(make_loss("hints", {{"hint-stages", "embedding"}}, {.embedding = 6}), Contains("the embedding"));
  Batch b;
  b.student.feature_maps.clear();
  CHECK_THROWS_WITH(make_loss("attention", {}, kSetup)->forward(b.input()), Contains("no maps of stage 2"));
}

TEST_CASE("wrong values of the teacher losses' options", "[losses][teacher][registry]") {
  CHECK_THROWS_WITH(make_loss("darkrank", {{"darkrank-length", "2.5"}}, kSetup), Contains("whole number"));
  CHECK_THROWS_WITH(make_loss("darkrank", {{"darkrank-length", "6"}, {"darkrank-form", "soft"}}, kSetup),
                    Contains("at most 5"));
  CHECK_THROWS_WITH(make_loss("darkrank", {{"darkrank-form", "sotf"}}, kSetup), Contains("did you mean 'soft'?"));
  CHECK_THROWS_WITH(make_loss("relaxed-contrastive", {{"rc-sigma", "0"}}, kSetup), Contains("rc-sigma"));
  CHECK_THROWS_WITH(make_loss("pkt", {{"pkt-diagonal", "perhaps"}}, kSetup), Contains("on or off"));
  CHECK_THROWS_WITH(make_loss("hints", {{"hint-normalize", "2"}}, kSetup), Contains("on or off"));
  CHECK_THROWS_WITH(make_loss("absolute", {{"projection", "of"}}, kSetup), Contains("auto, on, off"));
}

TEST_CASE("the absolute teacher learns a projection where sizes differ", "[losses][teacher][registry]") {
  const Batch b;
  const std::shared_ptr<Loss> loss = make_loss("absolute", {}, kSetup);
  const auto parameters = loss->named_parameters();
  REQUIRE(parameters.size() == 1);
  CHECK(parameters[0].first == "projection");
  CHECK(parameters[0].second.dims() == Dims{8, 6});
  const Variable projected = l2_normalize(linear(b.student.embedding, parameters[0].second, {}));
  const LossOutput out = loss->forward(b.input());
  CHECK(out.value.item() == absolute_teacher(projected, b.teacher.embedding.value(), AbsoluteForm::L2).item());

  CHECK_THROWS_WITH(make_loss("absolute", {{"projection", "off"}}, kSetup),
                    Contains("6 numbers, the teacher's 8") && Contains("--projection auto"));
  LossSetup equal = kSetup;
  equal.embedding = 8;
  CHECK(make_loss("absolute", {}, equal)->parameters().empty());
  CHECK(make_loss("absolute", {{"projection", "off"}}, equal)->parameters().empty());
  CHECK(make_loss("absolute", {{"projection", "on"}}, equal)->parameters().size() == 1);
  CHECK_THROWS_WITH(make_loss("absolute", {{"projection", "on"}}, {.embedding = 6}), Contains("--teacher"));
}

TEST_CASE("some steps with a ResNet as teacher of a MobileNet lower every teacher loss", "[losses][teacher]") {
  // With the small stem the MobileNet's maps are half the ResNet's: 8, 4, 2, 1 pixels against 16, 8, 4, 2.
  const EmbeddingModel teacher({.arch = "resnet18", .width = 0.125, .embedding = 24, .stem = "small"}, 1);
  Generator g(5);
  const Variable images(rand_normal({8, 3, 16, 16}, g, 0, 1, DType::Float32, Layout::ChannelsLast));
  ModelOutput expected = teacher.forward(images, {.feature_maps = true});
  expected.embedding = expected.embedding.detach();
  for (Variable& stage : expected.feature_maps) stage = stage.detach();
  for (const std::string& name : kNames) {
    EmbeddingModel student({.arch = "mobilenet_v1", .width = 0.25, .embedding = 16, .stem = "small"}, 2);
    const LossSetup setup{.embedding = 16,
                          .teacher_embedding = 24,
                          .student_stages = student.feature_map_channels(),
                          .teacher_stages = teacher.feature_map_channels(),
                          .seed = 3};
    const std::shared_ptr<Loss> loss = make_loss(name, {}, setup);
    auto parameters = student.named_parameters();
    for (auto& p : loss->named_parameters("loss.")) parameters.push_back(p);
    const auto optimizer = make_optimizer({{name, parameters}}, {});
    double first = 0, last = 0;
    for (int step = 0; step <= 20; ++step) {
      const ModelOutput features = student.forward(images, {.feature_maps = true});
      const Variable value = loss->forward({features, {}, &expected}).value;
      (step == 0 ? first : last) = value.item();
      optimizer->zero_grad();
      value.backward();
      optimizer->step(5e-4);
    }
    INFO(name << ": " << first << " to " << last);
    // A teacher of random weights sees all pictures alike (w near 1): relaxed-contrastive is near its minimum.
    CHECK(last < (name == "relaxed-contrastive" ? 1 : 0.9) * first);
  }
}
