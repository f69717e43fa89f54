// An architecture that a program adds at run time is one as any other: built, listed, and known in weight files.
#include "nn/models/registry.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/layers/conv_norm_act.h"
#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

namespace {

/// Three convolutions "step0" ... "step2", each with a norm.
class Steps : public Backbone {
 public:
  Steps(const ModelSpec& spec, Generator& g) {
    std::int64_t in = 3;
    for (int i = 0; i < 3; ++i) {
      const std::int64_t out = std::lround(16 * (i + 1) * spec.width);
      const auto conv = child<Conv2d>("step" + std::to_string(i), conv_options(in, out, 3, 2, 1), g);
      const auto norm = child<BatchNorm2d>("norm" + std::to_string(i), out, spec.variant == "flat" ? 1e-3 : 1e-5);
      append({.forward = [=](Variable x) { return conv_norm_act(*conv, *norm, Activation::ReLU, x); },
              .weights = conv->parameter_count(),
              .channels = out,
              .stride = 2,
              .ends_stage = true});
      in = out;
    }
  }
};

Architecture steps() {
  return {.name = "steps",
          .make = [](const ModelSpec& spec, Generator& g) { return std::make_shared<Steps>(spec, g); },
          .variants = {{.name = "torch"}, {.name = "flat"}}};
}

void register_once() {
  if (!find_architecture("steps")) register_architecture(steps());
}

}  // namespace

TEST_CASE("a registered architecture is built by its name") {
  register_once();
  const std::vector<std::string> names = model_names();
  CHECK(std::count(names.begin(), names.end(), "steps") == 1);
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(variant_names("steps") == std::vector<std::string>{"torch", "flat"});
  ModelSpec spec;
  spec.arch = "steps", spec.width = 0.5, spec.embedding = 4;
  CHECK(EmbeddingModel(spec, 1).backbone().feature_map_channels() == std::vector<std::int64_t>{8, 16, 24});
  CHECK(ModelSpec::from_map(spec.to_map()).describe() == "steps width 0.5, embedding 4, stem imagenet");
  spec.variant = "keras";
  CHECK_THROWS_WITH(EmbeddingModel(spec, 1), Contains("has no 'keras' conventions; use torch or flat"));
}

TEST_CASE("a name is registered once") {
  register_once();
  CHECK_THROWS_WITH(register_architecture(steps()), Contains("'steps' is empty or registered already"));
  CHECK_THROWS_WITH(register_architecture({.name = "resnet18", .make = {}}), Contains("'resnet18'"));
  CHECK_THROWS_WITH(register_architecture({}), Contains("''"));
}

TEST_CASE("a registered architecture is known by its own names in a weight file") {
  register_once();
  const Names names = names_of("steps", 0.5, "net.") + linear_names("net.head", 4, 24);
  const ImportPlan plan = plan_import(names);
  CHECK(flaw_of(names, plan) == "");
  CHECK(plan.spec.arch == "steps");
  CHECK(plan.spec.width == 0.5);
  CHECK(plan.spec.embedding == 4);
  CHECK(target_of(names, plan, "net.step1.weight") == "step1.weight");
  CHECK_THAT(import_error(without(names, [](const NamedShape& t) { return t.name == "net.norm1.bias"; })),
             Contains("tensor 'net.norm1.bias' is missing"));
  CHECK_THAT(import_error(names_of("resnet18", 0.125), {.arch = "steps"}), Contains("use --arch resnet18"));
  // Layers of a pickled module tell the variant.
  const auto facts = [](double eps) {
    return std::map<std::string, LayerFacts>{{"net.norm0", {"BatchNorm2d", {}, {}, eps}}};
  };
  CHECK(plan_import(names, {.facts = facts(1e-3)}).spec.variant == "flat");
  CHECK(plan_import(names, {.facts = facts(1e-5)}).spec.variant == "torch");
  CHECK_THAT(import_error(names, {.facts = facts(0.5)}), Contains("fledge's steps has"));
}
