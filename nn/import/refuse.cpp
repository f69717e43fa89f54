#include "nn/import/refuse.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace fledge::importing {
namespace {

using Shape = std::vector<std::int64_t>;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::BadInput, "", what,
              "fledge knows ResNet-18/34/50/101/152 as torchvision has them, and MobileNet v1");
}

/// A weight of a convolution; null when it is missing or none.
const Shape* filter(const std::vector<Source>& sources, const Trunk& trunk, const std::string& name) {
  const Shape* shape = trunk.shape(sources, name);
  return shape && shape->size() == 4 ? shape : nullptr;
}

bool is_known_module(std::string_view module) {
  for (const char* known : {"conv1", "conv2", "conv3", "bn1", "bn2", "bn3", "downsample.0", "downsample.1"})
    if (module == known) return true;
  return false;
}

/// Modules of blocks that the family has not, with the blocks that have them: "se.fc1" in "layer1.0", ...
std::map<std::string, std::set<std::string>> foreign_modules(const std::vector<Source>& sources, const Trunk& trunk) {
  std::map<std::string, std::set<std::string>> foreign;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].dropped || !sources[i].name.starts_with(trunk.prefix)) continue;
    if (trunk.form->family == Family::ResNet) {
      const std::optional<BlockName> block = block_of(trunk.target[i]);
      if (!block) continue;
      const std::string_view module = split_leaf(block->rest).first;
      if (!is_known_module(module))
        foreign[std::string(module)].insert(std::to_string(block->stage) + "." + std::to_string(block->block));
    } else if (trunk.target[i].empty()) {
      const std::string_view name = std::string_view(sources[i].name).substr(trunk.prefix.size());
      for (const NameForm::Stage& stage : trunk.form->stages) {
        if (!name.starts_with(stage.prefix)) continue;
        const std::string_view in_stage = name.substr(stage.prefix.size());
        const std::size_t dot = in_stage.find('.');
        if (dot == std::string_view::npos) continue;
        const std::string module(split_leaf(in_stage.substr(dot + 1)).first);
        const bool only_too_deep = std::find(trunk.form->parts.begin(), trunk.form->parts.end(), module) !=
                                   trunk.form->parts.end();  // verify.h lists those
        if (!only_too_deep) foreign[module].insert(std::string(stage.prefix).append(in_stage.substr(0, dot)));
      }
    }
  }
  return foreign;
}

void refuse_foreign_modules(const std::vector<Source>& sources, const Trunk& trunk) {
  constexpr std::size_t kShown = 4;
  std::string list;
  std::size_t kinds = 0;
  for (const auto& [module, blocks] : foreign_modules(sources, trunk)) {
    if (blocks.size() < 2) continue;  // one stray tensor is no other network
    if (++kinds <= kShown) list += (list.empty() ? "" : ", ") + quoted(module);
  }
  if (kinds == 0) return;
  if (kinds > kShown) list += ", ...";
  const bool resnet = trunk.form->family == Family::ResNet;
  refuse(std::string("the blocks have ") + list + ", which a " + (resnet ? "ResNet" : "MobileNet v1") +
         " has not (another network of " + (resnet ? "its kin: SE, ECA, Res2Net, ...?)" : "the MobileNet kin?)"));
}

void refuse_resnets(const std::vector<Source>& sources, const Trunk& trunk) {
  const auto has = [&](const std::string& name) { return trunk.at.count(name) > 0; };
  if (has("conv1.0.weight") && !has("conv1.weight"))
    refuse("a ResNet with a deep stem ('conv1.0', 'conv1.3', ...: several 3x3 convolutions, as in resnet50d)");
  for (int stage = 2; stage <= 4; ++stage) {
    const std::string layer = "layer" + std::to_string(stage) + ".";
    const bool any = std::any_of(trunk.target.begin(), trunk.target.end(),
                                 [&](const std::string& name) { return name.starts_with(layer); });
    if (!any)
      refuse("a network without " + layer.substr(0, 6) +
             ": a ResNet for CIFAR, one cut short, or another network with a 'layer1'");
  }
  refuse_foreign_modules(sources, trunk);
  if (has("conv1.bias") || has("layer1.0.conv1.bias"))
    refuse("a ResNet whose convolutions have biases: batch norm folded into them, or Caffe's form");
  if (has("layer1.0.bn1.weight") && !has("layer1.0.bn1.running_mean") && !has("layer4.0.bn1.running_mean"))
    refuse("a ResNet whose norms have no running statistics (group norm?)");

  const Shape* conv1 = filter(sources, trunk, "layer1.0.conv1.weight");
  const Shape* conv2 = filter(sources, trunk, "layer1.0.conv2.weight");
  const Shape* conv3 = filter(sources, trunk, "layer1.0.conv3.weight");
  if (conv2 && (*conv2)[1] > 0 && (*conv2)[1] < (*conv2)[0] && (*conv2)[0] % (*conv2)[1] == 0)
    refuse("a ResNet with convolutions in " + std::to_string((*conv2)[0] / (*conv2)[1]) +
           " groups (ResNeXt): layer1.0.conv2.weight sees " + std::to_string((*conv2)[1]) + " of " +
           std::to_string((*conv2)[0]) + " channels");
  if (conv1 && conv3 && ((*conv3)[0] % 4 != 0 || (*conv3)[0] / 4 != (*conv1)[0]))
    refuse("a ResNet whose blocks widen " + std::to_string((*conv1)[0]) + " inner channels to " +
           std::to_string((*conv3)[0]) + ", not to four times as many (Wide ResNet)");
  if (const Shape* stem = filter(sources, trunk, "conv1.weight")) {
    const std::int64_t size = (*stem)[2];
    if (size != (*stem)[3] || (size != 7 && size != 3))
      refuse("a ResNet whose first convolution is " + std::to_string(size) + "x" + std::to_string((*stem)[3]) +
             ", not 7x7 (imagenet) or 3x3 (small)");
  }
}

}  // namespace

void refuse_relatives(const std::vector<Source>& sources, const Trunk& trunk) {
  const bool resnet = trunk.form->family == Family::ResNet;
  if (resnet)
    refuse_resnets(sources, trunk);
  else
    refuse_foreign_modules(sources, trunk);
  const Shape* stem = filter(sources, trunk, resnet ? "conv1.weight" : "model.0.0.weight");
  if (stem && (*stem)[1] != 3)
    refuse("a network for pictures of " + std::to_string((*stem)[1]) + " channels; fledge's have 3");
}

}  // namespace fledge::importing
