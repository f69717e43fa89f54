#include "nn/models/resnet.h"

#include <cmath>

#include "autograd/ops/pool.h"
#include "nn/models/registry.h"
#include "nn/models/resnet_blocks.h"

namespace fledge {
namespace {

constexpr ResNetShape kShapes[] = {{"resnet18", false, {2, 2, 2, 2}},
                                   {"resnet34", false, {3, 4, 6, 3}},
                                   {"resnet50", true, {3, 4, 6, 3}},
                                   {"resnet101", true, {3, 4, 23, 3}},
                                   {"resnet152", true, {3, 8, 36, 3}}};

constexpr const char* kStrideFirst = "stride-1x1";

/// "layer1" ... "layer4": blocks "0", "1", ...; the first one may be strided. The network runs them.
class Stage : public Module {
 public:
  Stage(const BlockKind& kind, std::int64_t in, std::int64_t planes, int blocks, int stride, Generator& g) {
    for (int i = 0; i < blocks; ++i) {
      blocks_.push_back(child<ResidualBlock>(std::to_string(i), kind, in, planes, i == 0 ? stride : 1, g));
      in = planes * kind.expansion();
    }
  }

  const std::vector<std::shared_ptr<ResidualBlock>>& blocks() const { return blocks_; }

 private:
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
};

/// The layers before the first stage, of numbers or of pictures that are still bytes.
struct Stem {
  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> norm;
  std::optional<Pool2dParams> pool;

  template <class Images>
  Variable operator()(const Images& images) const {
    const Variable y = conv_norm_act(*conv, *norm, Activation::ReLU, images);
    return pool ? max_pool2d(y, *pool) : y;
  }
};

class ResNet : public Backbone {
 public:
  ResNet(const ResNetShape& shape, std::int64_t base, bool small_stem, BottleneckStride where, Generator& g)
      : small_stem_(small_stem) {
    conv1_ = small_stem ? child<Conv2d>("conv1", conv_options(3, base, 3, 1, 1), g)
                        : child<Conv2d>("conv1", conv_options(3, base, 7, 2, 3), g);
    bn1_ = child<BatchNorm2d>("bn1", base);
    const BlockKind kind{shape.bottleneck, where};
    std::int64_t in = base;
    for (int i = 0; i < 4; ++i) {
      const std::int64_t planes = base << i;
      const int stride = i == 0 ? 1 : 2;
      stages_.push_back(child<Stage>("layer" + std::to_string(i + 1), kind, in, planes, shape.blocks[i], stride, g));
      in = planes * kind.expansion();
      channels_.push_back(in);
    }
  }

  Variable forward(const Variable& x, std::vector<Variable>* feature_maps) const override {
    return behind_stem(run_block(stem(), x), feature_maps);
  }
  Variable forward_pictures(const StoredPictures& pictures, std::vector<Variable>* feature_maps) const override {
    if (is_training()) return Backbone::forward_pictures(pictures, feature_maps);
    return behind_stem(stem()(pictures), feature_maps);
  }

  std::optional<Pool2dParams> stem_pool() const override {
    return small_stem_ ? std::nullopt : std::optional(Pool2dParams{});
  }
  std::int64_t feature_size() const override { return channels_.back(); }
  std::vector<std::int64_t> feature_map_channels() const override { return channels_; }

 private:
  Stem stem() const { return {conv1_, bn1_, stem_pool()}; }

  Variable behind_stem(Variable y, std::vector<Variable>* feature_maps) const {
    for (const auto& stage : stages_) {
      for (const auto& block : stage->blocks())
        y = run_block([block](Variable in) { return block->forward(std::move(in)); }, std::move(y));
      if (feature_maps) feature_maps->push_back(y);
    }
    return y;
  }

  bool small_stem_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<BatchNorm2d> bn1_;
  std::vector<std::shared_ptr<Stage>> stages_;
  std::vector<std::int64_t> channels_;
};

std::shared_ptr<Backbone> make(const ResNetShape& shape, const ModelSpec& spec, Generator& g) {
  const std::int64_t base = std::lround(64 * spec.width);
  if (base < 1) {
    throw Error(ErrorKind::Usage, spec.arch, "width " + std::to_string(spec.width) + " leaves no channel of 64",
                "use at least 0.015625");
  }
  return std::make_shared<ResNet>(shape, base, spec.stem == "small",
                                  spec.variant == kStrideFirst ? BottleneckStride::In1x1 : BottleneckStride::In3x3, g);
}

}  // namespace

std::span<const ResNetShape> resnet_shapes() { return kShapes; }

std::vector<Architecture> resnets() {
  const auto external = std::make_shared<const ExternalNames>(resnet_external());
  std::vector<Architecture> all;
  for (const ResNetShape& shape : kShapes) {
    Architecture row{.name = shape.arch,
                     .make = [&shape](const ModelSpec& s, Generator& g) { return make(shape, s, g); }};
    if (shape.bottleneck)
      row.variants.push_back({.name = kStrideFirst,
                              .shown_by = "blocks stride in conv1, not in conv2",
                              .about = "He et al. as published"});
    row.external = external;
    row.has_variants = "ResNet-50 and deeper";
    row.widths = "ResNets scale their 64 channels";
    all.push_back(std::move(row));
  }
  return all;
}

}  // namespace fledge
