// Networks of every kind below every prefix with every head are found from their names and shapes.
#include <catch2/catch.hpp>

#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Network {
  const char* arch;
  double width;
  const char* stem;
  std::int64_t features;
};

const std::vector<Network> kNetworks = {
    {"resnet18", 1, "imagenet", 512},        {"resnet18", 0.25, "small", 128},
    {"resnet18", 5.0 / 64, "imagenet", 40},  {"resnet34", 0.5, "imagenet", 256},
    {"resnet50", 1, "imagenet", 2048},       {"resnet50", 4.0 / 64, "small", 128},
    {"resnet101", 1, "imagenet", 2048},      {"resnet152", 2, "imagenet", 4096},
    {"mobilenet_v1", 1, "imagenet", 1024},   {"mobilenet_v1", 0.25, "imagenet", 256},
    {"mobilenet_v1", 0.75, "imagenet", 768}, {"mobilenet_v1", 0.1, "imagenet", 102},
    {"mobilenet_v1", 0.07, "imagenet", 71},  {"mobilenet_v1", 1.4, "imagenet", 1433},
};

}  // namespace

TEST_CASE("every network is found below every prefix, with every head") {
  const std::string prefix = GENERATE("", "module.", "base.", "module.base.", "model.", "a.b.trunk.", "module.module.");
  const bool counters = GENERATE(true, false);
  for (const Network& n : kNetworks) {
    CAPTURE(n.arch, n.width, n.stem, prefix, counters);
    const Names backbone = names_of(n.arch, n.width, prefix, n.stem, counters);
    const auto check = [&](const Names& names, std::int64_t embedding, std::int64_t classes, std::size_t unused) {
      const ImportPlan plan = plan_import(names);
      CHECK(flaw_of(names, plan) == "");
      CHECK(plan.spec.arch == n.arch);
      CHECK(plan.spec.width == n.width);
      CHECK(plan.spec.stem == n.stem);
      CHECK(plan.spec.variant == "torch");
      CHECK(plan.spec.normalize);
      CHECK(plan.spec.embedding == embedding);
      CHECK(plan.spec.classes == classes);
      CHECK(plan.unused.size() == unused);
      CHECK(target_of(names, plan, backbone[0].name) ==
            (std::string(n.arch) == "mobilenet_v1" ? "model.0.0.weight" : "conv1.weight"));
    };
    check(backbone, 0, 0, 0);
    check(backbone + linear_names(prefix + "fc", 10, n.features), 0, 10, 0);
    // The embedding head by any name, inside and beside; the classifier is then unused.
    check(backbone + linear_names(prefix + "feat", 32, n.features), 32, 0, 0);
    check(backbone + linear_names(prefix + "head", 32, n.features), 32, 0, 0);
    check(backbone + linear_names("embedding", 32, n.features) + linear_names(prefix + "fc", 10, n.features), 32, 0, 2);
    check(linear_names("feat", 32, n.features) + backbone + linear_names(prefix + "fc", 10, n.features), 32, 0, 2);
  }
}

TEST_CASE("the paper's files: base, feat, and unused Embed and fc") {
  const std::string outer = GENERATE("", "module.");
  const Names names = names_of("resnet18", 0.125, outer + "base.", "imagenet", false) +
                      linear_names(outer + "base.fc", 1000, 64) + linear_names(outer + "feat", 32, 64) +
                      linear_names(outer + "Embed.linear", 32, 64) +  // the same size: only the name sets feat apart
                      Names{{outer + "Embed.bn.weight", {32}}, {outer + "Embed.bn.bias", {32}}};
  const ImportPlan plan = plan_import(names);
  CHECK(flaw_of(names, plan) == "");
  CHECK(plan.spec.embedding == 32);
  CHECK(plan.spec.classes == 0);
  CHECK(plan.unused.size() == 6);
  CHECK(target_of(names, plan, outer + "feat.bias") == "feat.bias");
  CHECK(target_of(names, plan, outer + "base.fc.weight") == "unused");
  CHECK(target_of(names, plan, outer + "Embed.linear.weight") == "unused");
  CHECK(target_of(names, plan, outer + "base.layer2.0.downsample.1.running_var") ==
        "layer2.0.downsample.1.running_var");
  CHECK(has_note(plan, "names: the paper's (base., feat.)"));
  CHECK(has_note(plan, "DataParallel") == !outer.empty());
  CHECK(has_note(plan, "network: resnet18 width 0.125, embedding 32, stem imagenet"));
  CHECK(has_note(plan, "head: '" + outer + "feat', 64 to 32"));
  CHECK(has_note(plan, "never used by the network: 6 tensors ('" + outer + "base.fc.weight', ...)"));
}

TEST_CASE("what stands beside a backbone with a prefix is unused and said to be") {
  const Names names =
      names_of("mobilenet_v1", 0.25, "body.") +
      Names{{"fpn.output1.0.weight", {64, 64, 1, 1}}, {"tied.window", {4, 3}}, {"bbox.weight", {4, 12}}};
  const ImportPlan plan = plan_import(names);
  CHECK(flaw_of(names, plan) == "");
  CHECK(plan.unused.size() == 3);
  CHECK(has_note(plan, "below 'body.'"));
  CHECK(has_note(plan, "no head: the embedding is the pooled features"));
  CHECK(has_note(plan, "never used by the network: 3 tensors"));
  CHECK(has_note(plan, "conventions: torch, which the names do not tell"));
  CHECK(has_note(plan, "stem: taken as imagenet"));
}

TEST_CASE("a classifier by its name is kept wherever it stands") {
  for (const char* module : {"trunk.fc", "fc", "classifier", "head.fc", "trunk.classifier"}) {
    CAPTURE(module);
    const Names names = names_of("resnet50", 0.0625, "trunk.") + linear_names(module, 7, 128);
    const ImportPlan plan = plan_import(names);
    CHECK(flaw_of(names, plan) == "");
    CHECK(plan.spec.classes == 7);
    CHECK(plan.spec.embedding == 0);
    CHECK(target_of(names, plan, std::string(module) + ".weight") == "fc.weight");
    CHECK(has_note(plan, std::string("classifier: '") + module + "', 7 classes"));
  }
}

TEST_CASE("batch counters may miss, or be tensors of one element") {
  Names names = names_of("resnet18", 0.125) + linear_names("feat", 8, 64);
  for (NamedShape& tensor : names)
    if (tensor.name.ends_with("num_batches_tracked")) tensor.shape = {1};
  CHECK(flaw_of(names, plan_import(names)) == "");
  names[5].shape = {2};
  REQUIRE(names[5].name == "bn1.num_batches_tracked");
  CHECK_THAT(import_error(names), Catch::Matchers::Contains("bn1.num_batches_tracked' has another shape"));
}

TEST_CASE("options choose what names and shapes leave open") {
  const Names mobilenet = names_of("mobilenet_v1", 0.25), resnet = names_of("resnet18", 0.125, "student.");
  const ImportPlan plan = plan_import(mobilenet, {.variant = "keras", .stem = "small"});
  CHECK(plan.spec.variant == "keras");
  CHECK(plan.spec.stem == "small");
  CHECK_FALSE(has_note(plan, "conventions: "));
  CHECK(has_note(plan, "stem small, keras conventions"));
  CHECK_FALSE(has_note(plan, "stem: "));
  // A forced architecture tells two networks of different families apart; the other one is unused.
  const Names both = renamed(mobilenet, [](const std::string& n) { return "teacher." + n; }) + resnet;
  CHECK(plan_import(both, {.arch = "resnet18"}).unused.size() == mobilenet.size());
  CHECK(plan_import(both, {.arch = "mobilenet_v1"}).unused.size() == resnet.size());
}
