// What a pickled module says of its layers chooses MobileNet's variant and stem.
#include <catch2/catch.hpp>

#include "tests/nn/import/facts.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

TEST_CASE("facts: eps, padding and activation choose MobileNet's variant") {
  const Names names = names_of("mobilenet_v1", 0.25);
  struct Case {
    Facts facts;
    const char* variant;
  };
  const std::vector<Case> cases = {
      {mobilenet_facts("ReLU", 1e-5, 1), "torch"},
      {mobilenet_facts("ReLU6", 1e-5, 1), "torch-relu6"},
      {mobilenet_facts("ReLU6", 1e-3, 0), "keras"},
      {with(mobilenet_facts("ReLU6", 1e-3, 0), "model.2.pad", {"ZeroPad2d", {}, 0, {}}), "keras"},
      {{{"model.3.1", norm(1e-3)}}, "keras"},
      {{{"model.4.0", {"Conv2dSame", 2, 0, {}}}}, "keras"},
      {{{"model.0.2", of_kind("ReLU")}}, "torch"},
  };
  for (const Case& c : cases) {
    const ImportPlan plan = plan_import(names, {.facts = c.facts});
    CHECK(flaw_of(names, plan) == "");
    CHECK(plan.spec.variant == c.variant);
    CHECK(has_note(plan, std::string("conventions: ") + c.variant + ", as the file's layers say"));
  }
  const Facts functional = without_kind(mobilenet_facts("ReLU6", 1e-5, 1), "ReLU6");
  CHECK(has_note(plan_import(names, {.facts = functional}),
                 "conventions: torch, which the file's layers do not tell from torch-relu6"));
  CHECK(has_note(plan_import(names, {.facts = {{"model.1.3", conv(1, 0)}}}),
                 "conventions: torch, which the names do not tell"));

  // What the form of the names implies stands where the facts leave it open, and falls where they do not.
  const Names timm = real_names("timm_mobilenetv1_100");
  CHECK(plan_import(timm, {.facts = {{"blocks.0.0.bn1", norm(1e-5)}}}).spec.variant == "torch-relu6");
  CHECK(plan_import(timm, {.facts = {{"blocks.0.0.bn1.act", of_kind("ReLU")}}}).spec.variant == "torch");
  CHECK(plan_import(timm, {.facts = {{"bn1", {"BatchNormAct2d", {}, {}, 1e-3}}}}).spec.variant == "keras");
}

TEST_CASE("facts: MobileNet's stem") {
  const Names names = names_of("mobilenet_v1", 0.25);
  const ImportPlan small = plan_import(names, {.facts = mobilenet_facts("ReLU6", 1e-3, 0, 1)});
  CHECK(small.spec.stem == "small");
  CHECK(small.spec.variant == "keras");
  CHECK(has_note(small, "stem: small, as the file's layers say"));
  const ImportPlan large = plan_import(names, {.facts = mobilenet_facts("ReLU", 1e-5, 1)});
  CHECK(large.spec.stem == "imagenet");
  CHECK(has_note(large, "stem: imagenet, as the file's layers say"));
  CHECK_FALSE(has_note(large, "stem: taken as"));
  const ImportPlan asked = plan_import(names, {.stem = "small", .facts = mobilenet_facts("ReLU6", 1e-3, 0)});
  CHECK(asked.spec.stem == "small");
  CHECK(asked.spec.variant == "keras");
  CHECK(has_note(asked, "stem: small as asked, though the file's layers disagree: 'model.0.0' has stride 2, not 1"));
}

TEST_CASE("facts: MobileNets of no variant are refused") {
  const Names names = names_of("mobilenet_v1", 0.25);
  const auto error = [&](const Facts& facts) { return import_error(names, {.facts = facts}); };
  const Facts usual = mobilenet_facts("ReLU", 1e-5, 1);
  CHECK_THAT(error(mobilenet_facts("LeakyReLU", 1e-5, 1)),
             Contains("layer 'model.0.2' is 'LeakyReLU', where fledge's mobilenet_v1 has ReLU or ReLU6;"));
  CHECK_THAT(error(mobilenet_facts("ReLU6", 1e-3, 1)),
             Contains("the layers fit no conventions of fledge's mobilenet_v1: ") &&
                 Contains("torch-relu6 has 1e-05 where 'model.0.1' has eps 0.001 (and 26 more)") &&
                 Contains("keras has 0 where 'model.0.0' has padding 1 (and 4 more)"));
  CHECK_THAT(error(mobilenet_facts("ReLU", 1e-3, 0)), Contains("keras has ReLU6 where 'model.0.2' is 'ReLU'"));
  CHECK_THAT(error(with(usual, "model.3.1", norm(1e-4))),
             Contains("'model.3.1' has eps 1e-04, where fledge's mobilenet_v1 has 1e-05 or 0.001"));
  CHECK_THAT(error(with(usual, "model.3.1", norm(1e-3))), Contains("torch has 1e-05 where 'model.3.1' has eps 0.001"));
  CHECK_THAT(error(with(usual, "model.12.0", conv(1, 1))),
             Contains("'model.12.0' has stride 1, where fledge's mobilenet_v1 has 2"));
  CHECK_THAT(error(with(usual, "model.13.5", of_kind("Identity"))), Contains("'model.13.5' is 'Identity'"));
  CHECK_THAT(error(with(usual, "model.2.pad", {"ZeroPad2d", {}, 0, {}})), Contains("torch has no such layer where"));
  CHECK_THAT(error(with(mobilenet_facts("ReLU6", 1e-3, 0), "model.2.pad", {"ZeroPad2d", {}, 1, {}})),
             Contains("keras has 0 where 'model.2.pad' has padding 1"));
}
