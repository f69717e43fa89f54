// What a pickled module says of its layers chooses a ResNet's variant, or refuses another network.
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>

#include "tests/nn/import/facts.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

TEST_CASE("facts: the stride of bottlenecks chooses the variant") {
  const std::string prefix = GENERATE("", "base.", "module.base.");
  const char* arch = GENERATE("resnet50", "resnet101");
  const char* stem = GENERATE("imagenet", "small");
  CAPTURE(prefix, arch, stem);
  const Names names = names_of(arch, 0.0625, prefix, stem) + linear_names("feat", 8, 128);
  const auto facts = [&](std::int64_t first, std::int64_t second) {
    Facts all = resnet_facts(names, prefix, first, second);
    if (std::string(stem) == "small") all.erase(prefix + "maxpool");
    return all;
  };
  const ImportPlan usual = plan_import(names, {.facts = facts(1, 2)});
  CHECK(flaw_of(names, usual) == "");
  CHECK(usual.spec.variant == "torch");
  CHECK(has_note(usual, "conventions: torch, as the file's layers say"));
  const ImportPlan first = plan_import(names, {.facts = facts(2, 1)});
  CHECK(flaw_of(names, first) == "");
  CHECK(first.spec.variant == "stride-1x1");
  CHECK(has_note(first, "conventions: stride-1x1, as the file's layers say (blocks stride in conv1, not in conv2)"));
  CHECK(has_note(first, "stride-1x1 conventions"));
  CHECK(has_note(first, "stem: small, as the file's layers say") == (std::string(stem) == "small"));
  CHECK_FALSE(has_note(first, "do not tell"));

  // One layer is enough; none leaves torch, which is said.
  const std::string conv1 = prefix + "layer3.0.conv1";
  CHECK(plan_import(names, {.facts = {{conv1, conv(2, 0)}}}).spec.variant == "stride-1x1");
  const ImportPlan open = plan_import(names, {.facts = {{prefix + "bn1", norm(1e-5)}}});
  CHECK(open.spec.variant == "torch");
  CHECK(has_note(open, "conventions: torch, which the names do not tell"));
}

TEST_CASE("facts: strides that no ResNet of ours has are refused") {
  const Names names = names_of("resnet50", 0.0625, "base.");
  const Facts usual = resnet_facts(names, "base.", 1, 2);
  REQUIRE(plan_import(names, {.facts = usual}).spec.variant == "torch");
  const auto error = [&](const Facts& facts) { return import_error(names, {.facts = facts}); };
  // Dilated: layer4 keeps its size.
  CHECK_THAT(error(with(with(usual, "base.layer4.0.conv2", conv(1, 1)), "base.layer4.0.downsample.0", conv(1, 0))),
             Contains("layer 'base.layer4.0.downsample.0' has stride 1, where fledge's resnet50 has 2"));
  CHECK_THAT(error(with(usual, "base.layer4.1.conv2", conv(1, 2))),
             Contains("layer 'base.layer4.1.conv2' has padding 2, where fledge's resnet50 has 1;"));
  CHECK_THAT(error({{"base.layer4.0.conv1", conv(1, 0)}, {"base.layer4.0.conv2", conv(1, 1)}}),
             Contains("the layers fit no conventions of fledge's resnet50: torch has 2 where 'base.layer4.0.conv2' has "
                      "stride 1; stride-1x1 has 2 where 'base.layer4.0.conv1' has stride 1"));
  // Mixed.
  CHECK_THAT(error(with(with(usual, "base.layer3.0.conv1", conv(2, 0)), "base.layer3.0.conv2", conv(1, 1))),
             Contains("torch has 1 where 'base.layer3.0.conv1' has stride 2 (and 1 more); stride-1x1 has 2 where "
                      "'base.layer2.0.conv1' has stride 1 (and 3 more)"));
  const Names basic = names_of("resnet18", 0.125);
  CHECK(plan_import(basic, {.facts = resnet_facts(basic, "", 2, 1)}).spec.variant == "torch");
  CHECK_THAT(import_error(basic, {.facts = resnet_facts(basic, "", 1, 2)}),
             Equals("layer 'layer2.0.conv1' has stride 1, where fledge's resnet18 has 2; the weights are another "
                    "network's; '--conventions torch' takes them all the same"));
}

TEST_CASE("facts: layers that no ResNet of ours has are refused by name and value") {
  const Names names = names_of("resnet18", 0.125, "base.") + linear_names("feat", 8, 64);
  const Facts usual = resnet_facts(names, "base.", 2, 1);
  REQUIRE(flaw_of(names, plan_import(names, {.facts = usual})) == "");
  struct Case {
    const char* layer;
    LayerFacts facts;
    const char* text;
  };
  const std::vector<Case> refused = {
      {"bn1", norm(1e-3), "'base.bn1' has eps 0.001, where fledge's resnet18 has 1e-05"},
      {"layer3.0.downsample.1", norm(1.001e-5), "'base.layer3.0.downsample.1' has eps 1.001e-05"},
      {"bn1", norm(std::nan("")), "has eps nan"},
      {"bn1", of_kind("GroupNorm"), "is 'GroupNorm', where fledge's resnet18 has BatchNorm2d"},
      {"conv1", of_kind("ScaledStdConv2d"), "is 'ScaledStdConv2d', where fledge's resnet18 has Conv2d"},
      {"relu", of_kind("SELU"), "'base.relu' is 'SELU', where fledge's resnet18 has ReLU"},
      {"layer2.1.relu", of_kind("LeakyReLU"), "'base.layer2.1.relu' is 'LeakyReLU'"},
      {"layer4.1.relu", of_kind("Identity"), "'base.layer4.1.relu' is 'Identity', where fledge's resnet18 has ReLU"},
      {"layer4.1.act2", of_kind("MyOwn\n"), "'base.layer4.1.act2' is 'MyOwn?', where fledge's resnet18 has ReLU"},
      {"layer2.0.aa",
       {"AvgPool2d", 2, 0, {}},
       "'base.layer2.0.aa' is 'AvgPool2d', where fledge's resnet18 has no such"},
      {"layer2.0.pool", {"MaxPool2d", 2, 1, {}}, "'base.layer2.0.pool' is 'MaxPool2d', where fledge's resnet18 has no"},
      {"maxpool", {"MaxPool2d", 1, 1, {}}, "'base.maxpool' has stride 1, where fledge's resnet18 has 2"},
      {"maxpool", {"MaxPool2d", 2, 0, {}}, "'base.maxpool' has padding 0, where fledge's resnet18 has 1"},
      {"maxpool", of_kind("Identity"), "'base.maxpool' is 'Identity', where fledge's resnet18 has MaxPool2d"},
      {"avgpool", of_kind("AdaptiveMaxPool2d"),
       "'base.avgpool' is 'AdaptiveMaxPool2d', where fledge's resnet18 has no"},
      {"global_pool.pool", of_kind("AdaptiveMaxPool2d"), "'base.global_pool.pool' is 'AdaptiveMaxPool2d'"},
      {"conv1", conv(1, 3), "'base.conv1' has stride 1"},
  };
  for (const Case& c : refused) {
    CAPTURE(c.layer, c.facts.kind);
    CHECK_THAT(import_error(names, {.facts = with(usual, std::string("base.") + c.layer, c.facts)}), Contains(c.text));
  }
  const std::vector<Case> fine = {
      {"base.avgpool", {"AvgPool2d", 7, 0, {}}, ""},
      {"base.fc", of_kind("Dropout"), ""},
      {"base.layer1.0.drop", of_kind("DropPath"), ""},
      {"base.layer1.0.downsample", of_kind("Sequential"), ""},
      {"base.layer1.0.bn1", {"SyncBatchNorm", {}, {}, 1e-5}, ""},
      {"base.layer1.0.se", of_kind(""), ""},
      {"base.maxpool", {"MaxPool2d", {}, {}, {}}, ""},
      // Outside the backbone, and not of the backbone's kind.
      {"maxpool", {"MaxPool2d", 1, 0, {}}, ""},
      {"act", of_kind("SELU"), ""},
      {"feat", of_kind("NormedLinear"), ""},
      {"bn1", norm(1e-3), ""},
      {"baseball.relu", of_kind("SELU"), ""},
      {"base.softmax", of_kind("Softmax"), ""},
  };
  for (const Case& c : fine) {
    CAPTURE(c.layer, c.facts.kind);
    CHECK_NOTHROW(plan_import(names, {.facts = with(usual, c.layer, c.facts)}));
  }
  // The small stem has no pool; a module that is there by name only does nothing.
  const Names small = names_of("resnet18", 0.125, "base.", "small");
  const Facts facts = resnet_facts(small, "base.", 2, 1);
  CHECK_THAT(import_error(small, {.facts = facts}),
             Contains("'base.maxpool' is 'MaxPool2d', where fledge's resnet18 has no pooling with the small stem"));
  CHECK(plan_import(small, {.facts = with(facts, "base.maxpool", of_kind("Identity"))}).spec.stem == "small");
}

TEST_CASE("facts: variants that are asked for win, and disagreement is noted") {
  const Names resnet = names_of("resnet50", 0.0625);
  const Facts first = resnet_facts(resnet, "", 2, 1);
  const ImportPlan torch = plan_import(resnet, {.variant = "torch", .facts = first});
  CHECK(torch.spec.variant == "torch");
  CHECK(has_note(torch,
                 "conventions: torch as asked, though the file's layers disagree: 'layer2.0.conv1' has stride "
                 "2, not 1 (and 5 more)"));
  const ImportPlan agreed = plan_import(resnet, {.variant = "stride-1x1", .facts = first});
  CHECK(agreed.spec.variant == "stride-1x1");
  CHECK_FALSE(has_note(agreed, "disagree"));
  // Without facts: the way for state dicts.
  const ImportPlan blind = plan_import(resnet, {.variant = "stride-1x1"});
  CHECK(flaw_of(resnet, blind) == "");
  CHECK(blind.spec.variant == "stride-1x1");
  CHECK_FALSE(has_note(blind, "do not tell"));
  CHECK(has_note(plan_import(resnet), "conventions: torch, which the names do not tell"));
  CHECK(plan_import(resnet, {.variant = "torch"}).spec.variant == "torch");
  CHECK_THAT(import_error(resnet, {.variant = "keras"}, ErrorKind::Usage), Contains("use torch or stride-1x1"));
  CHECK_THAT(import_error(names_of("resnet34", 0.125), {.variant = "stride-1x1"}, ErrorKind::Usage),
             Contains("has no 'stride-1x1' conventions; use torch"));

  const Names mobilenet = names_of("mobilenet_v1", 0.25);
  const ImportPlan keras = plan_import(mobilenet, {.variant = "keras", .facts = mobilenet_facts("LeakyReLU", 1e-3, 0)});
  CHECK(keras.spec.variant == "keras");
  CHECK(has_note(keras, "'model.0.2' is 'LeakyReLU', not ReLU6 (and 26 more)"));
  // The stem is another question.
  CHECK_THAT(import_error(resnet, {.variant = "stride-1x1", .facts = with(first, "maxpool", of_kind("Identity"))}),
             Contains("'--stem imagenet' takes them"));
}

TEST_CASE("facts go through the map as tensors do") {
  const Names names = renamed(names_of("resnet50", 0.0625),
                              [](const std::string& n) {
                                if (n == "conv1.weight") return std::string("stem.kernel");
                                return n.starts_with("layer3.") ? "third." + n.substr(7) : "net." + n;
                              }) +
                      names_of("resnet18", 0.125, "teacher.");
  ImportOptions options = {
      .map = {{"net.", ""}, {"third.", "layer3."}, {"teacher.", ""}, {"stem.kernel", "conv1.weight"}}};
  options.map[0].second = "x.";
  options.map[1].second = "x.layer3.";
  options.map[3].second = "x.conv1.weight";
  REQUIRE(flaw_of(names, plan_import(names, options)) == "");
  const auto error = [&](const Facts& facts) {
    ImportOptions with_facts = options;
    with_facts.facts = facts;
    return import_error(names, with_facts);
  };
  CHECK_THAT(error({{"net.relu", of_kind("SELU")}}), Contains("'net.relu' is 'SELU'"));
  CHECK_THAT(error({{"third.0.relu", of_kind("SELU")}}), Contains("'third.0.relu' is 'SELU'"));
  CHECK_THAT(error({{"third.5.bn2", norm(1e-3)}}), Contains("'third.5.bn2' has eps"));
  CHECK_THAT(error({{"stem", conv(4, 3)}}), Contains("'stem' has stride 4"));  // renamed by its tensor's line
  CHECK(error({{"teacher.relu", of_kind("SELU")}, {"teacher.bn1", norm(1)}, {"relu", of_kind("SELU")}}) == "no error");
  options.facts = {{"third.0.conv1", conv(2, 0)}};
  CHECK(plan_import(names, options).spec.variant == "stride-1x1");
}

TEST_CASE("facts of what the map drops do not count") {
  const Names names = names_of("resnet18", 0.125) + Names{{"layer1.0.mask.values", {8}}};
  const ImportOptions options = {.map = {{"layer1.0.mask.", ""}}, .facts = {{"layer1.0.mask.act", of_kind("SELU")}}};
  CHECK_NOTHROW(plan_import(names, options));
  CHECK_THAT(import_error(names_of("resnet18", 0.125), {.facts = options.facts}), Contains("is 'SELU'"));
}

TEST_CASE("facts of other forms of names") {
  const Names sequential = renamed(names_of("resnet50", 0.0625, "base."), [](const std::string& name) {
    std::string n = replaced(replaced(name, "base.conv1.", "base.0."), "base.bn1.", "base.1.");
    for (int s = 1; s <= 4; ++s) n = replaced(n, "layer" + std::to_string(s), std::to_string(s + 3));
    return n;
  });
  CHECK(plan_import(sequential, {.facts = {{"base.5.0.conv1", conv(2, 0)}}}).spec.variant == "stride-1x1");
  CHECK_THAT(import_error(sequential, {.facts = {{"base.3", {"MaxPool2d", 3, 1, {}}}}}),
             Contains("'base.3' has stride"));
  CHECK_THAT(import_error(sequential, {.facts = {{"base.3", of_kind("Sequential")}}}), Contains("has MaxPool2d"));
  CHECK_THAT(import_error(sequential, {.facts = {{"base.2", of_kind("Mish")}}}), Contains("'base.2' is 'Mish'"));
  const Names cifar = renamed(names_of("resnet18", 0.125, "", "small"),
                              [](const std::string& n) { return replaced(n, "downsample", "shortcut"); });
  CHECK_NOTHROW(plan_import(cifar, {.facts = {{"layer1.0.shortcut", of_kind("Sequential")}}}));
  CHECK_THAT(import_error(cifar, {.facts = {{"layer1.0.shortcut", of_kind("LambdaLayer")}}}),
             Contains("no such layer"));
  CHECK_THAT(import_error(cifar, {.facts = {{"layer2.0.shortcut.0", conv(1, 0)}}}), Contains("has stride 1"));
  const Names pytorchcv = real_names("pytorchcv_mobilenet_wd4");
  CHECK(plan_import(pytorchcv, {.facts = {{"features.stage4.unit6.dw_conv.activ", of_kind("ReLU6")}}}).spec.variant ==
        "torch-relu6");
  CHECK_THAT(import_error(pytorchcv, {.facts = {{"features.init_block.activ", of_kind("ELU")}}}), Contains("is 'ELU'"));
  // Containers are not layers: with weights inside, or with other layers.
  const Facts containers = {{"features.stage1.unit1.dw_conv", of_kind("DwsConv")},
                            {"features.stage1.unit1.own", of_kind("Own")},
                            {"features.stage1.unit1.own.activ", of_kind("ReLU")}};
  CHECK_NOTHROW(plan_import(pytorchcv, {.facts = containers}));
  CHECK_THAT(import_error(pytorchcv, {.facts = {{"features.stage1.unit1.own", of_kind("Own")}}}), Contains("'Own'"));
  const Names timm = real_names("timm_mobilenetv1_100");
  for (const char* place : {"bn1.act", "blocks.3.2.bn2.act"})
    CHECK_THAT(import_error(timm, {.facts = {{place, of_kind("ELU")}}}), Contains(std::string(place) + "' is 'ELU'"));
  const Names stages = real_names("stages_mobilenet_025");
  CHECK_THAT(import_error(stages, {.facts = {{"module.stage1.3.2", of_kind("LeakyReLU")}}}),
             Contains("is 'LeakyReLU'"));
  CHECK_THAT(import_error(stages, {.facts = {{"module.stage1.0.2", of_kind("LeakyReLU")}}}),
             Contains("is 'LeakyReLU'"));
}

TEST_CASE("many facts cost linear time") {
  const Names names = names_of("mobilenet_v1", 0.25);
  Facts facts = mobilenet_facts("ReLU6", 1e-3, 1);  // fits nothing, but no layer is wrong by itself
  for (int i = 0; i < 100'000; ++i) facts["model.1.x" + std::to_string(i)] = of_kind("ReLU6");
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THAT(import_error(names, {.facts = facts}), Contains("fit no conventions"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}
