#include "nn/import/forms.h"

#include <charconv>

namespace fledge::importing {
namespace {

/// torchvision's names are timm's and the paper's too. Checked against torchvision 0.29, timm 1.0.31, pytorchcv 0.0.74
/// (tests/golden/make_names.py) and kuangliu/pytorch-cifar's source.
const std::vector<NameForm> kForms = {
    {.label = "torchvision's ResNet",
     .family = Family::ResNet,
     .stem_conv = "conv1",
     .stem_bn = "bn1",
     .stages = {{"layer1.", 0, 0}, {"layer2.", 0, 0}, {"layer3.", 0, 0}, {"layer4.", 0, 0}},
     .shortcut = "downsample",
     .classifier = "fc"},
    {.label = "pytorch-cifar's ResNet",
     .family = Family::ResNet,
     .stem_conv = "conv1",
     .stem_bn = "bn1",
     .stages = {{"layer1.", 0, 0}, {"layer2.", 0, 0}, {"layer3.", 0, 0}, {"layer4.", 0, 0}},
     .shortcut = "shortcut",
     .classifier = "linear"},
    {.label = "torchvision's ResNet as a Sequential of its children",
     .family = Family::ResNet,
     .stem_conv = "0",
     .stem_bn = "1",
     .stages = {{"4.", 0, 0}, {"5.", 0, 0}, {"6.", 0, 0}, {"7.", 0, 0}},
     .shortcut = "downsample",
     .classifier = "9",
     .stem = "imagenet"},
    {.label = "Hugging Face's ResNet",
     .family = Family::ResNet,
     .stem_conv = "embedder.embedder.convolution",
     .stem_bn = "embedder.embedder.normalization",
     .stages = {{"encoder.stages.0.layers.", 0, 0},
                {"encoder.stages.1.layers.", 0, 0},
                {"encoder.stages.2.layers.", 0, 0},
                {"encoder.stages.3.layers.", 0, 0}},
     .modules = {{"layer.0.convolution", "conv1"},
                 {"layer.0.normalization", "bn1"},
                 {"layer.1.convolution", "conv2"},
                 {"layer.1.normalization", "bn2"},
                 {"layer.2.convolution", "conv3"},
                 {"layer.2.normalization", "bn3"},
                 {"shortcut.convolution", "downsample.0"},
                 {"shortcut.normalization", "downsample.1"}},
     .classifier = "classifier.1",
     .shell = "resnet."},
    {.label = "MobileNet v1, model.I.J",
     .family = Family::MobileNetV1,
     .stem_conv = "model.0.0",
     .stem_bn = "model.0.1",
     .stages = {{"model.", 13, 1}},
     .parts = {"0", "1", "3", "4"},
     .classifier = "fc"},
    {.label = "MobileNet v1 in three stages (stage1, stage2, stage3)",
     .family = Family::MobileNetV1,
     .stem_conv = "stage1.0.0",
     .stem_bn = "stage1.0.1",
     .stages = {{"stage1.", 5, 1}, {"stage2.", 6, 0}, {"stage3.", 2, 0}},
     .parts = {"0", "1", "3", "4"},
     .classifier = "fc"},
    {.label = "pytorchcv's MobileNet v1",
     .family = Family::MobileNetV1,
     .stem_conv = "features.init_block.conv",
     .stem_bn = "features.init_block.bn",
     .stages = {{"features.stage1.unit", 1, 1},
                {"features.stage2.unit", 2, 1},
                {"features.stage3.unit", 2, 1},
                {"features.stage4.unit", 6, 1},
                {"features.stage5.unit", 2, 1}},
     .parts = {"dw_conv.conv", "dw_conv.bn", "pw_conv.conv", "pw_conv.bn"},
     .classifier = "output"},
    {.label = "timm's MobileNet v1",
     .family = Family::MobileNetV1,
     .stem_conv = "conv_stem",
     .stem_bn = "bn1",
     .stages =
         {{"blocks.0.", 1, 0}, {"blocks.1.", 2, 0}, {"blocks.2.", 2, 0}, {"blocks.3.", 6, 0}, {"blocks.4.", 2, 0}},
     .parts = {"conv_dw", "bn1", "conv_pw", "bn2"},
     .classifier = "classifier",
     .conventions = "torch-relu6"},
    {.label = "pytorch-cifar's MobileNet v1",
     .family = Family::MobileNetV1,
     .stem_conv = "conv1",
     .stem_bn = "bn1",
     .stages = {{"layers.", 13, 0}},
     .parts = {"conv1", "bn1", "conv2", "bn2"},
     .classifier = "linear",
     .stem = "small"},
};

constexpr const char* kOurParts[] = {"0", "1", "3", "4"};
constexpr std::size_t kMaxDigits = 4;  // of a block's number

/// The number at the front of `text`, which must be followed by '.'; what comes after the '.' is left in `text`.
std::optional<int> take_number(std::string_view& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > kMaxDigits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + dot, value);
  if (error != std::errc() || end != text.data() + dot || value < 0) return std::nullopt;
  text.remove_prefix(dot + 1);
  return value;
}

/// Replaces the module `from` at the front of `name` by `to`.
std::optional<std::string> replaced(std::string_view name, std::string_view from, std::string_view to) {
  if (!name.starts_with(from) || name.size() <= from.size() || name[from.size()] != '.') return std::nullopt;
  return std::string(to).append(name.substr(from.size()));
}

std::string text(std::string_view a, std::string_view b = "", std::string_view c = "") {
  return std::string(a).append(b).append(c);
}

}  // namespace

std::span<const NameForm> name_forms() { return kForms; }

std::pair<std::string_view, std::string_view> split_leaf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string_view last_segment(std::string_view module) { return split_leaf(module).second; }

std::optional<BlockName> block_of(std::string_view name) {
  if (!name.starts_with("layer")) return std::nullopt;
  name.remove_prefix(5);
  const std::optional<int> stage = take_number(name);
  if (!stage) return std::nullopt;
  const std::optional<int> block = take_number(name);
  if (!block) return std::nullopt;
  return BlockName{*stage, *block, name};
}

FormNames::FormNames(const NameForm& form) : form_(form) {
  if (form.family == Family::ResNet) return;  // any number of blocks: translated as they come
  const auto add = [this](const std::string& theirs, const std::string& ours) {
    to_ours_[theirs] = ours;
    to_theirs_[ours] = theirs;
  };
  add(text(form.stem_conv), "model.0.0");
  add(text(form.stem_bn), "model.0.1");
  int block = 1;
  for (const NameForm::Stage& stage : form.stages)
    for (int i = 0; i < stage.count; ++i, ++block)
      for (std::size_t p = 0; p < form.parts.size(); ++p)
        add(text(stage.prefix, std::to_string(stage.first + i) + ".", form.parts[p]),
            "model." + std::to_string(block) + "." + kOurParts[p]);
}

std::string FormNames::in_our_block(std::string_view rest) const {
  for (const auto& [theirs, ours] : form_.modules)
    if (auto name = replaced(rest, theirs, ours)) return *name;
  if (!form_.modules.empty()) return std::string(rest);
  return replaced(rest, form_.shortcut, "downsample").value_or(std::string(rest));
}

std::string FormNames::in_their_block(std::string_view rest) const {
  for (const auto& [theirs, ours] : form_.modules)
    if (auto name = replaced(rest, ours, theirs)) return *name;
  if (!form_.modules.empty()) return std::string(rest);
  return replaced(rest, "downsample", form_.shortcut).value_or(std::string(rest));
}

std::optional<std::string> FormNames::ours(std::string_view name) const {
  if (form_.family == Family::MobileNetV1) {
    const auto [module, leaf] = split_leaf(name);
    const auto found = to_ours_.find(std::string(module));
    if (found == to_ours_.end()) return std::nullopt;
    return text(found->second, ".", leaf);
  }
  if (auto stem = replaced(name, form_.stem_conv, "conv1")) return stem;
  if (auto stem = replaced(name, form_.stem_bn, "bn1")) return stem;
  for (std::size_t s = 0; s < form_.stages.size(); ++s) {
    if (!name.starts_with(form_.stages[s].prefix)) continue;
    std::string_view rest = name.substr(form_.stages[s].prefix.size());
    const std::optional<int> block = take_number(rest);
    if (!block) return std::nullopt;
    return "layer" + std::to_string(s + 1) + "." + std::to_string(*block) + "." + in_our_block(rest);
  }
  return std::nullopt;
}

std::string FormNames::theirs(const std::string& name) const {
  if (form_.family == Family::MobileNetV1) {
    const auto [module, leaf] = split_leaf(name);
    const auto found = to_theirs_.find(std::string(module));
    return found == to_theirs_.end() ? name : text(found->second, ".", leaf);
  }
  if (auto stem = replaced(name, "conv1", form_.stem_conv)) return *stem;
  if (auto stem = replaced(name, "bn1", form_.stem_bn)) return *stem;
  const std::optional<BlockName> block = block_of(name);
  if (!block || block->stage < 1 || block->stage > static_cast<int>(form_.stages.size())) return name;
  return text(form_.stages[block->stage - 1].prefix, std::to_string(block->block) + ".", in_their_block(block->rest));
}

std::vector<std::string> FormNames::landmarks() const {
  std::vector<std::string> names;
  const bool resnet = form_.family == Family::ResNet;
  for (const char* name : resnet ? std::array{"conv1", "layer1.0.conv1", "layer4.0.conv1", "layer2.0.downsample.0"}
                                 : std::array{"model.0.0", "model.1.0", "model.13.0", "model.13.3"})
    names.push_back(theirs(text(name, ".weight")));
  return names;
}

}  // namespace fledge::importing
