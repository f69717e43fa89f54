// MobileNet v1 in weight files from elsewhere: its names, and its width.
#include <cmath>

#include "nn/models/external.h"
#include "nn/models/mobilenet.h"

namespace fledge {
namespace {

struct Run {
  const char* prefix;
  int count, first;
};

/// The 13 blocks, in order; ours are model.1 to model.13.
std::vector<NameForm::Stage> stages(std::initializer_list<Run> runs) {
  std::vector<NameForm::Stage> all;
  int ours = 1;
  for (const Run& run : runs) {
    all.push_back(
        {.prefix = run.prefix, .our_prefix = "model.", .first = run.first, .our_first = ours, .count = run.count});
    ours += run.count;
  }
  return all;
}

/// Checked against timm 1.0.31, pytorchcv 0.0.74 (tests/golden/make_names.py) and kuangliu/pytorch-cifar's source.
std::vector<NameForm> forms() {
  const std::vector<std::pair<std::string, std::string>> numbers = {{"0", "0"}, {"1", "1"}, {"3", "3"}, {"4", "4"}};
  return {
      {.label = "MobileNet v1, model.I.J",
       .stem_conv = "model.0.0",
       .stem_bn = "model.0.1",
       .stages = stages({{"model.", 13, 1}}),
       .modules = numbers,
       .classifier = "fc",
       .activations = {"2", "5"}},
      {.label = "MobileNet v1 in three stages (stage1, stage2, stage3)",
       .stem_conv = "stage1.0.0",
       .stem_bn = "stage1.0.1",
       .stages = stages({{"stage1.", 5, 1}, {"stage2.", 6, 0}, {"stage3.", 2, 0}}),
       .modules = numbers,
       .classifier = "fc",
       .activations = {"2", "5"}},
      {.label = "pytorchcv's MobileNet v1",
       .stem_conv = "features.init_block.conv",
       .stem_bn = "features.init_block.bn",
       .stages = stages({{"features.stage1.unit", 1, 1},
                         {"features.stage2.unit", 2, 1},
                         {"features.stage3.unit", 2, 1},
                         {"features.stage4.unit", 6, 1},
                         {"features.stage5.unit", 2, 1}}),
       .modules = {{"dw_conv.conv", "0"}, {"dw_conv.bn", "1"}, {"pw_conv.conv", "3"}, {"pw_conv.bn", "4"}},
       .classifier = "output"},
      {.label = "timm's MobileNet v1",
       .stem_conv = "conv_stem",
       .stem_bn = "bn1",
       .stages = stages(
           {{"blocks.0.", 1, 0}, {"blocks.1.", 2, 0}, {"blocks.2.", 2, 0}, {"blocks.3.", 6, 0}, {"blocks.4.", 2, 0}}),
       .modules = {{"conv_dw", "0"}, {"bn1", "1"}, {"conv_pw", "3"}, {"bn2", "4"}},
       .classifier = "classifier",
       .variant = "torch-relu6"},
      {.label = "pytorch-cifar's MobileNet v1",
       .stem_conv = "conv1",
       .stem_bn = "bn1",
       .stages = stages({{"layers.", 13, 0}}),
       .modules = {{"conv1", "0"}, {"bn1", "1"}, {"conv2", "3"}, {"bn2", "4"}},
       .classifier = "linear",
       .stem = "small"}};
}

/// The shortest decimal w with int(1024 * w) == widest; then int(c * w) is the same for every smaller power of two c.
double shortest_width(std::int64_t widest) {
  for (double scale = 1; scale <= 1e4; scale *= 10) {
    const double w = std::ceil(static_cast<double>(widest) / 1024 * scale - 1e-9) / scale;
    if (static_cast<std::int64_t>(1024 * w) == widest) return w;
  }
  return static_cast<double>(widest) / 1024;
}

IdentifiedModel identify(const ExternalTensors& tensors, const NameForm& form, const std::string&) {
  constexpr int kStem = 32, kLast = 1024;
  IdentifiedModel found;
  found.spec.arch = found.looks_like = "mobilenet_v1";
  const std::int64_t stem = tensors.channels("model.0.0.weight"), last = tensors.channels("model.13.3.weight");
  // The stem's few channels leave the width open; the last block's tell it, where the two agree.
  const bool agree = last * kStem / kLast == stem;
  found.spec.width = agree ? shortest_width(last) : static_cast<double>(stem) / kStem;
  found.spec.stem = form.stem.empty() ? "imagenet" : form.stem;
  found.spec.variant = form.variant.empty() ? "torch" : form.variant;
  return found;
}

}  // namespace

ExternalNames mobilenet_external() {
  return {.name = "MobileNet v1",
          .title = "MobileNet v1",
          .kin = "the MobileNet kin?",
          .stem_conv = "model.0.0",
          .stem_bn = "model.0.1",
          .landmarks = {"model.0.0", "model.1.0", "model.13.0", "model.13.3"},
          .forms = forms(),
          .stem_assumed = "imagenet",
          .stem_assumption = "taken as imagenet (stride 2)",
          .variant_hint = "weights converted from Keras need keras",
          .identify = identify};
}

}  // namespace fledge
