// What does not fit is said: what, why, and the way out.
#include <catch2/catch.hpp>

#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

bool is(const NamedShape& tensor, const std::string& name) { return tensor.name == name; }

Names with_shape(Names names, const std::string& name, const std::vector<std::int64_t>& shape) {
  int found = 0;
  for (NamedShape& tensor : names)
    if (tensor.name == name) tensor.shape = shape, ++found;
  REQUIRE(found == 1);
  return names;
}

}  // namespace

TEST_CASE("missing, unexpected and misshapen tensors are listed by kind") {
  const Names good = names_of("resnet18", 0.125) + linear_names("feat", 8, 64);
  REQUIRE(flaw_of(good, plan_import(good)) == "");
  CHECK_THAT(import_error(without(good, [](const NamedShape& t) { return is(t, "layer2.1.bn2.running_var"); })),
             Equals("the tensors do not fit resnet18 width 0.125, embedding 8, stem imagenet: tensor "
                    "'layer2.1.bn2.running_var' is missing; lines 'from = to' in a --map FILE rename tensors, 'from =' "
                    "drops them"));
  CHECK_THAT(import_error(good + Names{{"layer5.0.conv1.weight", {64, 64, 3, 3}}}),
             Contains("tensor 'layer5.0.conv1.weight' has no place;"));
  CHECK_THAT(import_error(good + Names{{"queue", {98, 8}}}), Contains("tensor 'queue' has no place"));
  CHECK_THAT(import_error(good + Names{{"feat.weight_g", {8}}}), Contains("tensor 'feat.weight_g' has no place"));
  CHECK_THAT(import_error(good + Names{{"bn1.bias", {8}}}), Contains("tensor 'bn1.bias' is there twice (as bn1.bias)"));
  CHECK_THAT(import_error(with_shape(good, "layer1.1.conv2.weight", {8, 8, 3, 1})),
             Contains("tensor 'layer1.1.conv2.weight' has another shape (8x8x3x1 in the file, 8x8x3x3 in resnet18)"));
  CHECK_THAT(import_error(with_shape(good, "feat.weight", {8, 60})), Contains("'feat.weight' has another shape"));
  CHECK_THAT(import_error(with_shape(good, "bn1.weight", {})), Contains("'bn1.weight' has another shape (scalar in"));

  // All kinds at once, a dozen of each; a reason is said once.
  Names bad = without(good, [](const NamedShape& t) { return t.name.starts_with("layer4.1.") && t.shape.size() == 1; });
  bad = with_shape(bad, "conv1.weight", {8, 3, 7, 7});
  for (int i = 0; i < 20; ++i) bad.push_back({"layer3.0.extra" + std::to_string(i), {1}});
  bad = with_shape(with_shape(bad, "layer1.0.bn1.bias", {9}), "layer1.0.bn2.bias", {7});
  const std::string text = import_error(bad);
  CHECK_THAT(text, Contains("20 tensors have no place: 'layer3.0.extra0', 'layer3.0.extra1'"));
  CHECK_THAT(text, Contains("'layer3.0.extra11', ...;") && !Contains("'layer3.0.extra12'"));
  CHECK_THAT(text, Contains("8 tensors are missing: 'layer4.1.bn1.weight'") && Contains("'layer4.1.bn2.running_var';"));
  CHECK_THAT(text, Contains("2 tensors have another shape: 'layer1.0.bn1.bias' (9 in the file, 8 in resnet18), "));
}

TEST_CASE("missing tensors go by the file's names") {
  const auto error_without = [](const char* file, const std::string& name) {
    const Names names = real_names(file);
    const Names less = without(names, [&](const NamedShape& t) { return is(t, name); });
    REQUIRE(less.size() + 1 == names.size());
    return import_error(less);
  };
  for (const char* name : {"features.stage3.unit2.pw_conv.conv.weight", "features.stage1.unit1.dw_conv.conv.weight"})
    CHECK_THAT(error_without("pytorchcv_mobilenet_wd4", name),
               Contains("tensor '" + std::string(name) + "' is missing"));
  CHECK_THAT(error_without("stages_mobilenet_025", "module.stage3.0.1.bias"),
             Contains("tensor 'module.stage3.0.1.bias' is missing"));
  for (const char* name : {"layer1.0.conv1.weight", "layer4.0.conv1.weight", "layer2.0.downsample.0.weight"})
    CHECK_THAT(error_without("torchvision_resnet50", name), Contains("tensor '" + std::string(name) + "' is missing"));
  CHECK_THAT(error_without("torchvision_resnet50", "conv1.weight"), Contains("'conv1.weight' is missing"));
  CHECK_THAT(error_without("timm_mobilenetv1_100", "conv_stem.weight"), Contains("'conv_stem.weight' is missing"));
  // A block too few: the nearest network's list.
  const Names cut =
      without(real_names("torchvision_resnet18"), [](const NamedShape& t) { return t.name.starts_with("layer3.1."); });
  CHECK_THAT(import_error(cut), Contains("10 tensors are missing: 'layer3.1.conv1.weight'"));
}

TEST_CASE("a forced architecture that is not the file's names the right one") {
  const Names deep = names_of("resnet101", 0.125, "base.");
  const std::string text = import_error(deep, {.arch = "resnet50"});
  CHECK_THAT(text, Contains("do not fit resnet50 width 0.125") && Contains("306 tensors have no place: ") &&
                       Contains("'base.layer3.6.conv1.weight' (resnet50 ends layer3 at block 5), "
                                "'base.layer3.6.bn1.weight', "));
  CHECK_THAT(text, Contains("the file looks like resnet101: use --arch resnet101"));
  CHECK(plan_import(deep, {.arch = "resnet101"}).spec.arch == "resnet101");
  const Names shallow = names_of("resnet18", 0.125);
  CHECK_THAT(import_error(shallow, {.arch = "resnet34"}),
             Contains("tensors are missing: 'layer1.2.conv1.weight'") && Contains("use --arch resnet18"));
  CHECK_THAT(import_error(names_of("resnet50", 0.125), {.arch = "resnet34"}),
             Contains("(the blocks of resnet34 have two convolutions)") && Contains("use --arch resnet50"));
  CHECK_THAT(import_error(shallow, {.arch = "mobilenet_v1"}),
             Contains("are no mobilenet_v1") && Contains("use --arch resnet18"));
  CHECK_THAT(import_error(names_of("mobilenet_v1", 0.25), {.arch = "resnet18"}), Contains("use --arch mobilenet_v1"));
  CHECK_THAT(import_error(shallow, {.arch = "resnet19"}, ErrorKind::Usage),
             Contains("unknown architecture 'resnet19'"));
  CHECK_THAT(import_error(shallow, {.variant = "keras"}, ErrorKind::Usage), Contains("'keras' conventions"));
  CHECK_THAT(import_error(names_of("mobilenet_v1", 0.25), {.variant = "tf"}, ErrorKind::Usage), Contains("'tf'"));
}

TEST_CASE("relatives of known networks are refused by what is different") {
  struct Case {
    const char* file;
    const char* text;
  };
  const Case c = GENERATE(
      Case{"timm_resnet18d", "a deep stem ('conv1.0'"}, Case{"timm_seresnet18", "the blocks have 'se.fc1', 'se.fc2'"},
      Case{"torchvision_resnext50_32x4d", "convolutions in 32 groups (ResNeXt)"},
      Case{"torchvision_wide_resnet50_2", "widen 128 inner channels to 256, not to four times as many (Wide ResNet)"},
      Case{"timm_resnet26", "a ResNet of 2, 2, 2, 2 bottleneck blocks is none that fledge knows"},
      Case{"timm_mobilenetv2_050", "the blocks have 'bn3', 'conv_pwl', which a MobileNet v1 has not"},
      Case{"timm_mobilenetv1_100h", "5 tensors have no place: 'conv_head.weight'"},
      Case{"pytorchcv_fdmobilenet_wd4", "do not fit mobilenet_v1"});
  CAPTURE(c.file);
  const std::string text = import_error(real_names(c.file));
  CHECK_THAT(text, Contains(c.text));
  CHECK(text.size() < 2500);

  const Names resnet = real_names("torchvision_resnet50");
  CHECK_THAT(
      import_error(without(resnet, [](const NamedShape& t) { return t.name.find("running_") != std::string::npos; })),
      Contains("no running statistics (group norm?)"));
  CHECK_THAT(import_error(resnet + Names{{"conv1.bias", {64}}}), Contains("convolutions have biases"));
  CHECK_THAT(import_error(without(resnet, [](const NamedShape& t) { return t.name.starts_with("layer4."); })),
             Contains("without layer4"));
  CHECK_THAT(import_error(with_shape(resnet, "conv1.weight", {64, 1, 7, 7})), Contains("pictures of 1 channels"));
  CHECK_THAT(import_error(with_shape(resnet, "conv1.weight", {64, 3, 5, 5})), Contains("5x5, not 7x7"));
  CHECK_THAT(import_error(with_shape(resnet, "conv1.weight", {1024, 3, 7, 7})), Contains("a width of 16"));
  CHECK_THAT(import_error(with_shape(resnet, "conv1.weight", {-64, 3, 7, 7})),
             Contains("'conv1.weight' is missing or"));
}

TEST_CASE("no network, or several") {
  CHECK_THAT(import_error({}), Contains("there are no tensors"));
  CHECK_THAT(import_error({{"features.0.weight", {64, 3, 3, 3}}, {"b", {}}, {"c", {}}, {"d", {}}}),
             Contains("none of the known networks is among the 4 tensors ('features.0.weight', 'b', 'c', ...)"));
  const Names two = names_of("resnet18", 0.125, "student.") + names_of("resnet50", 0.125, "teacher.");
  CHECK_THAT(import_error(two), Contains("2 networks are in the file: 'student.'") && Contains("'teacher.'") &&
                                    Contains("'from' is e.g. 'student.'"));
  const std::string text = import_error({{"\x1b[2Jx\n" + std::string(100'000, 'y'), {1}}});
  CHECK(text.size() < 600);
  CHECK_THAT(text, Contains("'?[2Jx?yyy"));
  Names many;
  for (int i = 0; i < 200; ++i)
    many = many + names_of("resnet18", 1.0 / 64, "n" + std::to_string(i) + ".", "small", false);
  CHECK_THAT(import_error(many), Contains("networks are in the file: 'n0.'") && Contains(", ..."));
}

TEST_CASE("heads that cannot be told are refused") {
  const Names backbone = names_of("resnet18", 0.125, "base.");
  CHECK_THAT(import_error(backbone + linear_names("head", 8, 64) + linear_names("proj", 16, 64)),
             Contains("2 linear layers can be the embedding head: 'head' (64 to 8), 'proj' (64 to 16)") &&
                 Contains("'head. = feat.'"));
  CHECK_THAT(import_error(backbone + linear_names("a.fc", 8, 64) + linear_names("b.fc", 16, 64)),
             Contains("2 linear layers can be the classifier"));
  CHECK_THAT(import_error(backbone + linear_names("head.0", 64, 64) + linear_names("head.2", 16, 60)),
             Contains("the head 'head.' is more than one linear layer: it holds 'head.0' and 'head.2.weight'"));
  CHECK_THAT(import_error(backbone + Names{{"head.weight", {0, 64}}, {"head.bias", {0}}}), Contains("has 0 outputs"));
  CHECK_THAT(import_error(backbone + linear_names("head", std::int64_t{1} << 40, 64)), Contains("outputs"));
}
