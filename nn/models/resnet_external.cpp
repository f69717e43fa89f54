// ResNets in weight files from elsewhere: their names, how many blocks they have, and their relatives: ResNeXt, deep
// stems, SE, ...
#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "nn/models/external.h"
#include "nn/models/resnet.h"

namespace fledge {
namespace {

using Shape = ExternalTensors::Shape;

std::vector<NameForm::Stage> stages(const std::array<const char*, 4>& prefixes) {
  std::vector<NameForm::Stage> all;
  for (int i = 0; i < 4; ++i)
    all.push_back({.prefix = prefixes[i], .our_prefix = "layer" + std::to_string(i + 1) + "."});
  return all;
}

/// torchvision's names are timm's and the paper's too. Checked against torchvision 0.29, timm 1.0.31
/// (tests/golden/make_names.py) and kuangliu/pytorch-cifar's source.
std::vector<NameForm> forms() {
  const auto layers = stages({"layer1.", "layer2.", "layer3.", "layer4."});
  return {{.label = "torchvision's ResNet",
           .stem_conv = "conv1",
           .stem_bn = "bn1",
           .stages = layers,
           .classifier = "fc",
           .stem_pool = "maxpool"},
          {.label = "pytorch-cifar's ResNet",
           .stem_conv = "conv1",
           .stem_bn = "bn1",
           .stages = layers,
           .modules = {{"shortcut", "downsample"}},
           .classifier = "linear",
           .stem_pool = "maxpool"},
          {.label = "torchvision's ResNet as a Sequential of its children",
           .stem_conv = "0",
           .stem_bn = "1",
           .stages = stages({"4.", "5.", "6.", "7."}),
           .classifier = "9",
           .stem = "imagenet",
           .stem_pool = "3",
           .stem_activation = "2"},
          {.label = "Hugging Face's ResNet",
           .stem_conv = "embedder.embedder.convolution",
           .stem_bn = "embedder.embedder.normalization",
           .stages = stages({"encoder.stages.0.layers.", "encoder.stages.1.layers.", "encoder.stages.2.layers.",
                             "encoder.stages.3.layers."}),
           .modules = {{"layer.0.convolution", "conv1"},
                       {"layer.0.normalization", "bn1"},
                       {"layer.1.convolution", "conv2"},
                       {"layer.1.normalization", "bn2"},
                       {"layer.2.convolution", "conv3"},
                       {"layer.2.normalization", "bn3"},
                       {"shortcut.convolution", "downsample.0"},
                       {"shortcut.normalization", "downsample.1"}},
           .classifier = "classifier.1",
           .shell = "resnet.",
           .stem_pool = "maxpool"}};
}

/// "layer3.6.conv1.weight" -> 3, 6, "conv1.weight".
struct BlockName {
  int stage, block;
  std::string_view rest;
};

std::optional<BlockName> block_of(std::string_view name) {
  if (!name.starts_with("layer")) return std::nullopt;
  name.remove_prefix(5);
  BlockName found{};
  if (!take_number(name, found.stage) || !take_number(name, found.block)) return std::nullopt;
  found.rest = name;
  return found;
}

struct Layers {
  std::array<int, 4> blocks = {};  // the highest number + 1
  bool bottleneck = false;
};

Layers count_layers(const ExternalTensors& tensors) {
  Layers layers;
  for (const auto& [name, shape] : tensors.all()) {
    const std::optional<BlockName> block = block_of(name);
    if (!block || block->stage < 1 || block->stage > 4) continue;
    int& count = layers.blocks[block->stage - 1];
    count = std::max(count, block->block + 1);
    if (block->rest.starts_with("conv3.")) layers.bottleneck = true;
  }
  return layers;
}

std::string text_of(const std::array<int, 4>& blocks) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += (i ? ", " : "") + std::to_string(blocks[i]);
  return text;
}

int distance(const std::array<int, 4>& a, const std::array<int, 4>& b) {
  int sum = 0;
  for (int i = 0; i < 4; ++i) sum += std::abs(a[i] - b[i]);
  return sum;
}

const ResNetShape& nearest(const Layers& layers) {
  const ResNetShape* best = nullptr;
  for (const ResNetShape& shape : resnet_shapes())
    if (shape.bottleneck == layers.bottleneck &&
        (!best || distance(shape.blocks, layers.blocks) < distance(best->blocks, layers.blocks)))
      best = &shape;
  return *best;
}

IdentifiedModel identify(const ExternalTensors& tensors, const NameForm&, const std::string& forced) {
  const Layers layers = count_layers(tensors);
  const ResNetShape& known = nearest(layers);
  constexpr int kMaxDifference = 2;  // blocks: a file with a hole, listed by what is missing
  IdentifiedModel found;
  if (distance(known.blocks, layers.blocks) <= kMaxDifference) found.looks_like = known.arch;
  found.spec.arch = forced.empty() ? found.looks_like : forced;
  if (found.spec.arch.empty()) {
    throw Error(ErrorKind::BadInput, "",
                "a ResNet of " + text_of(layers.blocks) + (layers.bottleneck ? " bottleneck" : " basic") +
                    " blocks is none that fledge knows (" + known.arch + " has " + text_of(known.blocks) + ")",
                "'--arch " + std::string(known.arch) + "' lists what is missing or too much");
  }
  found.spec.width = static_cast<double>(tensors.channels("conv1.weight")) / 64;
  const Shape* stem = tensors.filter("conv1.weight");
  found.spec.stem = stem && (*stem)[2] == 3 ? "small" : "imagenet";
  return found;
}

std::string refuse_early(const ExternalTensors& tensors) {
  if (tensors.has("conv1.0.weight") && !tensors.has("conv1.weight"))
    return "a ResNet with a deep stem ('conv1.0', 'conv1.3', ...: several 3x3 convolutions, as in resnet50d)";
  for (const char* layer : {"layer2", "layer3", "layer4"})
    if (!tensors.has_below(std::string(layer) + "."))
      return std::string("a network without ") + layer +
             ": a ResNet for CIFAR, one cut short, or another network with a 'layer1'";
  return "";
}

std::string refuse(const ExternalTensors& tensors) {
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  if (tensors.has("conv1.bias") || tensors.has("layer1.0.conv1.bias"))
    return "a ResNet whose convolutions have biases: batch norm folded into them, or Caffe's form";
  if (tensors.has("layer1.0.bn1.weight") && !tensors.has("layer1.0.bn1.running_mean") &&
      !tensors.has("layer4.0.bn1.running_mean"))
    return "a ResNet whose norms have no running statistics (group norm?)";
  const Shape* conv1 = tensors.filter("layer1.0.conv1.weight");
  const Shape* conv2 = tensors.filter("layer1.0.conv2.weight");
  const Shape* conv3 = tensors.filter("layer1.0.conv3.weight");
  if (conv2 && (*conv2)[1] > 0 && (*conv2)[1] < (*conv2)[0] && (*conv2)[0] % (*conv2)[1] == 0)
    return "a ResNet with convolutions in " + number((*conv2)[0] / (*conv2)[1]) +
           " groups (ResNeXt): layer1.0.conv2.weight sees " + number((*conv2)[1]) + " of " + number((*conv2)[0]) +
           " channels";
  if (conv1 && conv3 && ((*conv3)[0] % 4 != 0 || (*conv3)[0] / 4 != (*conv1)[0]))
    return "a ResNet whose blocks widen " + number((*conv1)[0]) + " inner channels to " + number((*conv3)[0]) +
           ", not to four times as many (Wide ResNet)";
  const Shape* stem = tensors.filter("conv1.weight");
  if (stem && ((*stem)[2] != (*stem)[3] || ((*stem)[2] != 7 && (*stem)[2] != 3)))
    return "a ResNet whose first convolution is " + number((*stem)[2]) + "x" + number((*stem)[3]) +
           ", not 7x7 (imagenet) or 3x3 (small)";
  return "";
}

std::string why_no_place(const std::string& name, const std::string& arch) {
  const auto shapes = resnet_shapes();
  const auto shape = std::find_if(shapes.begin(), shapes.end(), [&](const ResNetShape& s) { return s.arch == arch; });
  const std::optional<BlockName> block = block_of(name);
  if (!block || shape == shapes.end()) return "";
  if (block->stage < 1 || block->stage > 4) return arch + " has layer1 to layer4";
  const std::string layer = "layer" + std::to_string(block->stage);
  const int last = shape->blocks[block->stage - 1] - 1;
  if (block->block > last) return arch + " ends " + layer + " at block " + std::to_string(last);
  if (!shape->bottleneck && (block->rest.starts_with("conv3.") || block->rest.starts_with("bn3.")))
    return "the blocks of " + arch + " have two convolutions";
  if (block->rest.starts_with("downsample."))
    return layer + "." + std::to_string(block->block) + " of " + arch + " passes its input on as it is";
  return "";
}

}  // namespace

ExternalNames resnet_external() {
  return {.name = "ResNet",
          .title = "ResNet-18/34/50/101/152",
          .kin = "its kin: SE, ECA, Res2Net, ...?",
          .stem_conv = "conv1",
          .stem_bn = "bn1",
          .landmarks = {"conv1", "layer1.0.conv1", "layer4.0.conv1", "layer2.0.downsample.0"},
          .forms = forms(),
          .open_blocks = true,
          .block_modules = {"conv1", "conv2", "conv3", "bn1", "bn2", "bn3", "downsample.0", "downsample.1"},
          .shapes_tell_stem = true,
          .stem_assumed = "small",
          .stem_assumption = "small (3x3), taken as stride 1 without max pool",
          .variant_hint = "strides in the first 1x1 convolutions, as Caffe's, need stride-1x1",
          .paper_label = "the paper's (base., feat.)",
          .identify = identify,
          .refuse_early = refuse_early,
          .refuse = refuse,
          .why_no_place = why_no_place};
}

}  // namespace fledge
