// Losses with parameters: what the registry makes of their options, and that training with them does what they are for.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/ops/distance.h"
#include "nn/losses/classes/angular_margin.h"
#include "nn/losses/classes/proxies.h"
#include "nn/losses/loss.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using Catch::Contains;
using test::number;

namespace {

const LossSetup kSetup{.classes = 4, .embedding = 8, .seed = 4};
const char* const kNames[] = {"arcface", "cosface", "proxy-nca", "proxy-anchor", "margin"};

Tensor labels_in_turn(std::int64_t n, std::int64_t classes) {
  std::vector<std::int64_t> y;
  for (std::int64_t i = 0; i < n; ++i) y.push_back(i % classes);
  return from_vector(y, {n});
}

ModelOutput random_features(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Generator g(seed);
  ModelOutput features;
  features.embedding = Variable(rand_normal({n, d}, g), true);
  return features;
}

}  // namespace

TEST_CASE("Adam on free embeddings lowers each loss and gathers the classes", "[losses][class-losses]") {
  struct Course {
    std::string name;
    LossOptions options;
    double less;  // the loss falls by at least this
  };
  const std::vector<Course> courses = {{"arcface", {}, 20},
                                       {"arcface", {{"sub-centres", "3"}}, 20},
                                       {"cosface", {}, 20},
                                       {"proxy-nca", {}, 0.5},
                                       {"proxy-nca", {{"nca-exclude-own", "on"}}, 1},
                                       {"proxy-anchor", {}, 5},
                                       {"margin", {}, 0.1},
                                       {"margin", {{"sampling", "all"}, {"beta-per-class", "on"}}, 0.1}};
  for (const Course& course : courses) {
    INFO(course.name << " " << (course.options.empty() ? "" : course.options.begin()->first));
    const auto loss = make_loss(course.name, course.options, kSetup);
    const ModelOutput student = random_features(24, 8, 5);
    const Tensor y = labels_in_turn(24, 4);
    const auto optimizer =
        make_optimizer({{"embeddings", {{"f", student.embedding}}}, {"loss", loss->named_parameters()}}, {});
    std::vector<LossOutput> course_of_loss;
    for (std::int64_t step = 0; step < 60; ++step) {
      optimizer->zero_grad();
      course_of_loss.push_back(loss->forward({student, y, nullptr, step}));
      course_of_loss.back().value.backward();
      optimizer->step(0.05);
    }
    const LossOutput &first = course_of_loss.front(), &last = course_of_loss.back();
    CHECK(last.value.item() < first.value.item() - course.less);
    // Pictures of one class begin as far apart as those of two.
    CHECK(std::abs(number(first, "mean_negative") - number(first, "mean_positive")) < 0.1);
    CHECK(number(last, "mean_negative") > number(last, "mean_positive") + 0.2);
    if (course.name != "margin") CHECK(number(last, "accuracy") == 1);
  }
}

TEST_CASE("parameters of the losses, drawn from the seed alone", "[losses][class-losses][registry]") {
  const auto shape = [](const char* name, const LossOptions& options) {
    const auto parameters = make_loss(name, options, kSetup)->named_parameters();
    REQUIRE(parameters.size() == 1);
    return std::pair<std::string, Dims>(parameters[0].first, parameters[0].second.dims());
  };
  for (const char* name : {"arcface", "cosface", "proxy-nca", "proxy-anchor"})
    CHECK(shape(name, {}) == std::pair<std::string, Dims>("proxies", Dims{4, 8}));
  CHECK(shape("arcface", {{"sub-centres", "3"}}).second == Dims{12, 8});
  CHECK(shape("margin", {}) == std::pair<std::string, Dims>("beta", Dims{1}));
  CHECK(shape("margin", {{"beta-per-class", "on"}}).second == Dims{4});
  CHECK(make_loss("margin", {{"beta-learnable", "off"}}, kSetup)->parameters().empty());
  const auto draw = [](std::uint64_t seed) {
    LossSetup setup = kSetup;
    setup.seed = seed;
    return make_loss("proxy-anchor", {}, setup)->parameters()[0].value().to_vector<float>();
  };
  CHECK(draw(4) == draw(4));
  CHECK(draw(4) != draw(5));
}

TEST_CASE("options reach the class losses", "[losses][class-losses][registry]") {
  const ModelOutput student = random_features(12, 8, 6);
  const Tensor y = labels_in_turn(12, 4);
  const Variable& f = student.embedding;
  const auto check = [&](const char* name, const LossOptions& options, const auto& expected) {
    const auto loss = make_loss(name, options, kSetup);
    CHECK(loss->name() == std::string(name));
    CHECK(loss->needs().labels);
    CHECK(loss->forward({student, y}).value.item() == expected(loss->parameters()[0]).value.item());
  };
  using V = const Variable&;
  check("arcface", {}, [&](V p) { return arcface(f, p, y, 64, 0.5); });
  check("arcface", {{"arc-scale", "10"}, {"arc-margin", "0.2"}}, [&](V p) { return arcface(f, p, y, 10, 0.2); });
  check("arcface", {{"sub-centres", "2"}}, [&](V p) { return arcface(f, p, y, 64, 0.5, 2); });
  check("cosface", {}, [&](V p) { return cosface(f, p, y, 64, 0.35); });
  check("cosface", {{"cos-scale", "10"}, {"cos-margin", "0.2"}}, [&](V p) { return cosface(f, p, y, 10, 0.2); });
  check("proxy-nca", {}, [&](V p) { return proxy_nca(f, p, y, 1); });
  check("proxy-nca", {{"nca-scale", "3"}}, [&](V p) { return proxy_nca(f, p, y, 3); });
  check("proxy-nca", {{"nca-exclude-own", "on"}}, [&](V p) { return proxy_nca(f, p, y, 1, true); });
  check("proxy-anchor", {}, [&](V p) { return proxy_anchor(f, p, y, 32, 0.1); });
  check("proxy-anchor", {{"anchor-alpha", "16"}, {"anchor-margin", "0.3"}},
        [&](V p) { return proxy_anchor(f, p, y, 16, 0.3); });
}

TEST_CASE("setups and options that class losses refuse", "[losses][class-losses][registry]") {
  for (const char* name : {"arcface", "cosface", "proxy-nca", "proxy-anchor"})
    CHECK_THROWS_WITH(make_loss(name, {}, {.classes = 1, .embedding = 8}), Contains(name) && Contains("two classes"));
  CHECK_THROWS_WITH(make_loss("arcface", {{"sub-centres", "1.5"}}, kSetup),
                    Contains("1.5") && Contains("whole number"));
  CHECK_THROWS_WITH(make_loss("arcface", {{"sub-centres", "0"}}, kSetup), Contains("sub-centres is '0'"));
  CHECK_THROWS_WITH(make_loss("arcface", {{"arc-margin", "28.6"}}, kSetup), Contains("arc-margin is '28.6'"));
  CHECK_THROWS_WITH(make_loss("arcface", {{"scale", "20"}}, kSetup), Contains("no option 'scale'"));
  CHECK_THROWS_WITH(make_loss("proxy-nca", {{"nca-exclude-own", "maybe"}}, kSetup), Contains("on or off"));
  CHECK_THROWS_WITH(make_loss("margin", {{"sampling", "hard"}}, kSetup), Contains("distance, all"));
  CHECK_THROWS_WITH(make_loss("margin", {{"beta", "3"}}, kSetup), Contains("beta is '3'"));
  CHECK_THROWS_WITH(make_loss("margin", {{"beta-per-class", "on"}}, {.embedding = 8}), Contains("no training classes"));
}

TEST_CASE("losses with parameters also work in float64", "[losses][class-losses]") {
  Generator g(7);
  ModelOutput student;
  student.embedding = Variable(rand_normal({8, 8}, g, 0, 1, DType::Float64), true);
  for (const char* name : kNames) {
    INFO(name);
    const auto loss = make_loss(name, {}, kSetup);
    loss->to(DType::Float64);
    student.embedding.zero_grad();
    loss->forward({student, labels_in_turn(8, 4)}).value.backward();
    CHECK(student.embedding.grad().dtype() == DType::Float64);
    CHECK(loss->parameters()[0].grad().dtype() == DType::Float64);
  }
}
