// Names as other programs give them: real lists (tests/golden/make_names.py) and lists made after a project's source.
#include <catch2/catch.hpp>

#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// All these programs define their layers in our order, so the n-th tensor of the file is our n-th.
void check_order(const Names& names, const ImportPlan& plan) {
  CHECK(flaw_of(names, plan) == "");
  const std::vector<NamedShape> ours = shapes_of(plan.spec);
  REQUIRE(plan.placed.size() == ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CAPTURE(names[i].name);
    REQUIRE(plan.placed[i].source == i);
    REQUIRE(plan.placed[i].target == ours[i].name);
  }
}

}  // namespace

TEST_CASE("real lists of names are recognised") {
  struct Case {
    const char* file;
    const char* arch;
    double width;
    std::int64_t classes;
    const char* variant;
    const char* note;
  };
  const Case c = GENERATE(
      Case{"torchvision_resnet18", "resnet18", 1, 1000, "torch", "names: torchvision's ResNet"},
      Case{"torchvision_resnet50", "resnet50", 1, 1000, "torch", "names: torchvision's ResNet"},
      Case{"timm_resnet34", "resnet34", 1, 1000, "torch", "classifier: 'fc', 1000 classes"},
      Case{"timm_mobilenetv1_100", "mobilenet_v1", 1, 1000, "torch-relu6", "names: timm's MobileNet v1"},
      Case{"timm_mobilenetv1_125", "mobilenet_v1", 1.25, 1000, "torch-relu6", "conventions: torch-relu6, as timm's"},
      Case{"pytorchcv_mobilenet_wd4", "mobilenet_v1", 0.25, 1000, "torch", "classifier: 'output', 1000 classes"},
      Case{"pytorchcv_mobilenet_w3d4", "mobilenet_v1", 0.75, 1000, "torch", "names: pytorchcv's MobileNet v1"},
      Case{"stages_mobilenet_025", "mobilenet_v1", 0.25, 1000, "torch", "(stage1, stage2, stage3), DataParallel"});
  CAPTURE(c.file);
  const Names names = real_names(c.file);
  const ImportPlan plan = plan_import(names);
  check_order(names, plan);
  CHECK(plan.spec.arch == c.arch);
  CHECK(plan.spec.width == c.width);
  CHECK(plan.spec.classes == c.classes);
  CHECK(plan.spec.embedding == 0);
  CHECK(plan.spec.stem == "imagenet");
  CHECK(plan.spec.variant == c.variant);
  CHECK(plan.unused.empty());
  CAPTURE(plan.notes);
  CHECK(has_note(plan, c.note));

  // The same below a prefix, with a head beside it.
  const Names wrapped = renamed(names, [](const std::string& n) { return "net.trunk." + n; }) +
                        linear_names("net.proj", 16, names[names.size() - 2].shape[1]);
  const ImportPlan embedding = plan_import(wrapped);
  CHECK(flaw_of(wrapped, embedding) == "");
  CHECK(embedding.spec.embedding == 16);
  CHECK(embedding.unused.size() == 2);
}

TEST_CASE("single places of the forms") {
  const auto place = [](const char* file, const char* name) {
    const Names names = real_names(file);
    return target_of(names, plan_import(names), name);
  };
  CHECK(place("stages_mobilenet_025", "module.stage1.5.3.weight") == "model.5.3.weight");
  CHECK(place("stages_mobilenet_025", "module.stage2.0.0.weight") == "model.6.0.weight");
  CHECK(place("stages_mobilenet_025", "module.stage3.1.4.bias") == "model.13.4.bias");
  CHECK(place("pytorchcv_mobilenet_wd4", "features.stage4.unit6.pw_conv.bn.running_var") == "model.11.4.running_var");
  CHECK(place("pytorchcv_mobilenet_wd4", "features.init_block.bn.weight") == "model.0.1.weight");
  CHECK(place("timm_mobilenetv1_100", "blocks.3.0.bn1.bias") == "model.6.1.bias");
  CHECK(place("timm_mobilenetv1_100", "classifier.bias") == "fc.bias");
}

namespace {

/// Hugging Face's name of a tensor of torchvision's ResNet, after the source of its ResNetModel.
std::string hugging_face(std::string name) {
  if (name.starts_with("fc.")) return "classifier.1." + name.substr(3);
  if (name.starts_with("conv1.")) return "resnet.embedder.embedder.convolution." + name.substr(6);
  if (name.starts_with("bn1.")) return "resnet.embedder.embedder.normalization." + name.substr(4);
  const int stage = name[5] - '1';
  const std::size_t block = name.find('.') + 1, rest = name.find('.', block) + 1;
  std::string inner = name.substr(rest);
  inner = replaced(inner, "downsample.0.", "shortcut.convolution.");
  inner = replaced(inner, "downsample.1.", "shortcut.normalization.");
  for (const std::string i : {"1", "2", "3"}) {
    const std::string layer = "layer." + std::string(1, static_cast<char>(i[0] - 1)) + ".";
    inner =
        replaced(replaced(inner, "conv" + i + ".", layer + "convolution."), "bn" + i + ".", layer + "normalization.");
  }
  return "resnet.encoder.stages." + std::to_string(stage) + ".layers." + name.substr(block, rest - block) + inner;
}

}  // namespace

TEST_CASE("Hugging Face's names: embedder, encoder.stages, layer, shortcut; a classifier outside") {
  for (const std::string arch : {"resnet18", "resnet50", "resnet101"}) {
    CAPTURE(arch);
    const Names ours = names_of(arch, 0.125) + linear_names("fc", 10, arch == "resnet18" ? 64 : 256);
    const Names theirs = renamed(ours, hugging_face);
    CHECK(theirs[6].name == "resnet.encoder.stages.0.layers.0.layer.0.convolution.weight");
    const ImportPlan plan = plan_import(theirs);
    check_order(theirs, plan);
    CHECK(plan.spec.arch == arch);
    CHECK(plan.spec.classes == 10);
    CHECK(has_note(plan, "names: Hugging Face's ResNet, below 'resnet.'"));
    // A model without a classifier is saved without the folder, and in a training script below another.
    const Names bare = renamed(without(theirs, [](const auto& t) { return t.name.starts_with("classifier."); }),
                               [](const std::string& n) { return n.substr(7); });
    CHECK(flaw_of(bare, plan_import(bare)) == "");
    const Names wrapped = renamed(theirs, [](const std::string& n) { return "model." + n; });
    CHECK(plan_import(wrapped).spec.classes == 10);
    const std::string gone = "resnet.encoder.stages.1.layers.0.shortcut.normalization.bias";
    CHECK_THAT(import_error(without(theirs, [&](const auto& t) { return t.name == gone; })),
               Catch::Matchers::Contains("tensor '" + gone + "' is missing"));
  }
}

TEST_CASE("pytorch-cifar's names: shortcut, linear, layers") {
  const Names resnet = renamed(names_of("resnet50", 1, "", "small"),
                               [](const std::string& n) { return replaced(n, "downsample", "shortcut"); }) +
                       linear_names("linear", 10, 2048);
  const ImportPlan plan = plan_import(resnet);
  check_order(resnet, plan);
  CHECK(plan.spec.stem == "small");
  CHECK(plan.spec.classes == 10);
  CHECK(has_note(plan, "pytorch-cifar's ResNet"));
  CHECK(has_note(plan, "stem: small (3x3), taken as stride 1"));
  CHECK(target_of(resnet, plan, "layer4.0.shortcut.1.weight") == "layer4.0.downsample.1.weight");

  const Names mobilenet =
      renamed(names_of("mobilenet_v1", 1),
              [](const std::string& name) {
                if (name.starts_with("model.0.0")) return replaced(name, "model.0.0", "conv1");
                if (name.starts_with("model.0.1")) return replaced(name, "model.0.1", "bn1");
                const std::size_t dot = name.find('.', 6);
                const int block = std::stoi(name.substr(6, dot - 6));
                const char* part[] = {"conv1", "bn1", "", "conv2", "bn2"};
                return "layers." + std::to_string(block - 1) + "." + part[name[dot + 1] - '0'] + name.substr(dot + 2);
              }) +
      linear_names("linear", 10, 1024);
  const ImportPlan small = plan_import(mobilenet);
  check_order(mobilenet, small);
  CHECK(small.spec.stem == "small");
  CHECK(small.spec.classes == 10);
  CHECK(target_of(mobilenet, small, "layers.12.bn2.bias") == "model.13.4.bias");
}

TEST_CASE("a ResNet as a Sequential of its children") {
  const Names names = renamed(names_of("resnet18", 0.25, "base."),
                              [](const std::string& name) {
                                std::string n =
                                    replaced(replaced(name, "base.conv1.", "base.0."), "base.bn1.", "base.1.");
                                for (int s = 1; s <= 4; ++s)
                                  n = replaced(n, "layer" + std::to_string(s), std::to_string(s + 3));
                                return n;
                              }) +
                      linear_names("linear", 64, 128);
  REQUIRE(names[6].name == "base.4.0.conv1.weight");
  const ImportPlan plan = plan_import(names);
  check_order(names, plan);
  CHECK(plan.spec.embedding == 64);
  CHECK(has_note(plan, "Sequential of its children, below 'base.'"));
}
