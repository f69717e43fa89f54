#include "nn/import/architecture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/suggest.h"
#include "nn/import/refuse.h"
#include "nn/models/resnet.h"

namespace fledge::importing {
namespace {

constexpr double kMaxWidth = 8;  // as EmbeddingModel allows

struct Layers {
  std::array<int, 4> blocks = {};  // the highest number + 1
  bool bottleneck = false;
};

Layers count_layers(const Trunk& trunk) {
  Layers layers;
  for (const std::string& name : trunk.target) {
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

/// 0: missing, or no weight of a convolution. No more than any network of ours has, so that products cannot overflow.
std::int64_t channels_of(const std::vector<Source>& sources, const Trunk& trunk, const std::string& conv) {
  const auto* shape = trunk.shape(sources, conv);
  return shape && shape->size() == 4 && (*shape)[0] > 0 ? std::min((*shape)[0], std::int64_t{1} << 20) : 0;
}

[[noreturn]] void fail_width(const Trunk& trunk, std::int64_t channels, double wide) {
  const std::string stem =
      trunk.prefix +
      FormNames(*trunk.form).theirs(trunk.form->family == Family::ResNet ? "conv1.weight" : "model.0.0.weight");
  if (channels == 0)
    throw Error(ErrorKind::BadInput, "", "the first convolution " + quoted(stem) + " is missing or has no four axes",
                "the width is read from it");
  throw Error(ErrorKind::BadInput, "",
              quoted(stem) + " has " + std::to_string(channels) + " channels: a width of " + std::to_string(wide),
              "fledge builds networks up to width 8");
}

Architecture identify_resnet(const std::vector<Source>& sources, const Trunk& trunk, const std::string& forced) {
  const Layers layers = count_layers(trunk);
  const ResNetShape& known = nearest(layers);
  constexpr int kMaxDifference = 2;  // blocks: a file with a hole, listed by what is missing
  Architecture found;
  if (distance(known.blocks, layers.blocks) <= kMaxDifference) found.looks_like = known.arch;
  found.spec.arch = forced.empty() ? found.looks_like : forced;
  if (found.spec.arch.empty()) {
    throw Error(ErrorKind::BadInput, "",
                "a ResNet of " + text_of(layers.blocks) + (layers.bottleneck ? " bottleneck" : " basic") +
                    " blocks is none that fledge knows (" + known.arch + " has " + text_of(known.blocks) + ")",
                "'--arch " + std::string(known.arch) + "' lists what is missing or too much");
  }
  const std::int64_t base = channels_of(sources, trunk, "conv1.weight");
  found.spec.width = static_cast<double>(base) / 64;
  if (base == 0 || found.spec.width > kMaxWidth) fail_width(trunk, base, found.spec.width);
  found.spec.stem = (*trunk.shape(sources, "conv1.weight"))[2] == 3 ? "small" : "imagenet";
  const auto shape = std::find_if(resnet_shapes().begin(), resnet_shapes().end(),
                                  [&](const ResNetShape& s) { return s.arch == found.spec.arch; });
  found.features = base * 8 * (shape->bottleneck ? 4 : 1);
  return found;
}

/// The shortest decimal w with int(1024 * w) == widest; then int(c * w) is the same for every smaller power of two c.
double shortest_width(std::int64_t widest) {
  for (double scale = 1; scale <= 1e4; scale *= 10) {
    const double w = std::ceil(static_cast<double>(widest) / 1024 * scale - 1e-9) / scale;
    if (static_cast<std::int64_t>(1024 * w) == widest) return w;
  }
  return static_cast<double>(widest) / 1024;
}

Architecture identify_mobilenet(const std::vector<Source>& sources, const Trunk& trunk) {
  constexpr int kStem = 32, kLast = 1024;
  Architecture found;
  found.spec.arch = found.looks_like = "mobilenet_v1";
  const std::int64_t stem = channels_of(sources, trunk, "model.0.0.weight");
  const std::int64_t last = channels_of(sources, trunk, "model.13.3.weight");
  // The stem's few channels leave the width open; the last block's tell it, where the two agree.
  const bool agree = last * kStem / kLast == stem;
  found.spec.width = agree ? shortest_width(last) : static_cast<double>(stem) / kStem;
  if (stem == 0 || found.spec.width > kMaxWidth) fail_width(trunk, stem, found.spec.width);
  found.features = static_cast<std::int64_t>(kLast * found.spec.width);
  found.spec.stem = trunk.form->stem.empty() ? "imagenet" : trunk.form->stem;
  found.spec.conventions = trunk.form->conventions.empty() ? "torch" : trunk.form->conventions;
  return found;
}

}  // namespace

std::optional<Family> family_of(const std::string& arch) {
  if (arch.empty()) return std::nullopt;
  if (!backbone_registry().count(arch)) {
    throw Error(ErrorKind::Usage, "", "unknown architecture '" + arch + "'", did_you_mean(arch, model_names()));
  }
  return arch.starts_with("resnet") ? Family::ResNet : Family::MobileNetV1;
}

Architecture identify(const std::vector<Source>& sources, const Trunk& trunk, const ImportOptions& options) {
  refuse_relatives(sources, trunk);
  const std::optional<Family> forced = family_of(options.arch);
  const bool other_family = forced && *forced != trunk.form->family;
  Architecture found = trunk.form->family == Family::ResNet
                           ? identify_resnet(sources, trunk, other_family ? "" : options.arch)
                           : identify_mobilenet(sources, trunk);
  if (other_family) {
    throw Error(ErrorKind::BadInput, "",
                "the tensors are no " + options.arch + ": their names are " + std::string(trunk.form->label),
                "the file looks like " + found.looks_like + ": use --arch " + found.looks_like);
  }
  if (!options.conventions.empty()) found.spec.conventions = options.conventions;
  if (!options.stem.empty()) found.spec.stem = options.stem;
  return found;
}

std::string why_no_place(const std::string& name, const std::string& arch) {
  if (arch == "mobilenet_v1") return "";
  const auto shape = std::find_if(resnet_shapes().begin(), resnet_shapes().end(),
                                  [&](const ResNetShape& s) { return s.arch == arch; });
  const std::optional<BlockName> block = block_of(name);
  if (!block || shape == resnet_shapes().end()) return "";
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

}  // namespace fledge::importing
