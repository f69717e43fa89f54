#include "nn/models/mobilenet.h"

#include "nn/layers/conv_norm_act.h"
#include "nn/models/registry.h"

namespace fledge {
namespace {

struct BlockShape {
  int channels;  // output, at width 1
  int stride;
};
/// Howard et al. 2017, table 1: the depthwise-separable blocks 1-13.
constexpr BlockShape kBlocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                                  {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
constexpr int kStemChannels = 32;

/// What differs between ports of the network.
struct Variant {
  const char *name, *normalize, *about;
  double eps;
  Activation activation;
  bool pad_end_only;  // stride-2 convolutions pad bottom and right, nothing at top and left
};

constexpr Variant kVariants[] = {
    {"torch", "imagenet", "", 1e-5, Activation::ReLU, false},
    {"torch-relu6", "half", "timm's", 1e-5, Activation::ReLU6, false},
    {"keras", "keras", "padding right/bottom, ReLU6, eps 1e-3", 1e-3, Activation::ReLU6, true}};

const Variant& variant_named(const std::string& name) {
  for (const Variant& variant : kVariants)
    if (name == variant.name) return variant;
  throw Error(ErrorKind::Internal, "mobilenet_v1", "unknown conventions '" + name + "'");
}

Conv2dOptions conv3x3(std::int64_t in, std::int64_t out, int stride, int groups, const Variant& variant) {
  Conv2dOptions options = conv_options(in, out, 3, stride, 1, groups);
  if (variant.pad_end_only && stride == 2) options.params.pad_top = options.params.pad_left = 0;
  return options;
}

class Block : public Module {
 public:
  virtual Variable forward(Variable x) const = 0;
};

/// Block 0: convolution "0", batch norm "1".
class Stem : public Block {
 public:
  Stem(std::int64_t out, int stride, const Variant& v, Generator& g)
      : activation_(v.activation),
        conv_(child<Conv2d>("0", conv3x3(3, out, stride, 1, v), g)),
        bn_(child<BatchNorm2d>("1", out, v.eps)) {}

  Variable forward(Variable x) const override { return conv_norm_act(*conv_, *bn_, activation_, x); }
  Variable forward_pictures(const StoredPictures& p) const { return conv_norm_act(*conv_, *bn_, activation_, p); }

 private:
  Activation activation_;
  std::shared_ptr<Conv2d> conv_;
  std::shared_ptr<BatchNorm2d> bn_;
};

/// Blocks 1-13: depthwise convolution "0", batch norm "1", 1x1 convolution "3", batch
/// norm "4" ("2" and "5" are the activations).
class SeparableBlock : public Block {
 public:
  SeparableBlock(std::int64_t in, std::int64_t out, int stride, const Variant& v, Generator& g)
      : activation_(v.activation),
        depthwise_(child<Conv2d>("0", conv3x3(in, in, stride, static_cast<int>(in), v), g)),
        bn1_(child<BatchNorm2d>("1", in, v.eps)),
        pointwise_(child<Conv2d>("3", conv_options(in, out, 1, 1, 0), g)),
        bn2_(child<BatchNorm2d>("4", out, v.eps)) {}

  Variable forward(Variable x) const override {
    return separable_conv_norm_act({*depthwise_, *bn1_}, {*pointwise_, *bn2_}, activation_, x);
  }

 private:
  Activation activation_;  // the members below are made, and named, in this order
  std::shared_ptr<Conv2d> depthwise_;
  std::shared_ptr<BatchNorm2d> bn1_;
  std::shared_ptr<Conv2d> pointwise_;
  std::shared_ptr<BatchNorm2d> bn2_;
};

class Blocks : public Module {
 public:
  template <class B, class... Args>
  std::shared_ptr<B> append(Args&&... args) {
    auto block = child<B>(std::to_string(blocks.size()), std::forward<Args>(args)...);
    blocks.push_back(block);
    return block;
  }
  std::vector<std::shared_ptr<Block>> blocks;
};

class MobileNetV1 : public Backbone {
 public:
  MobileNetV1(const ModelSpec& spec, Generator& g) {
    const Variant& variant = variant_named(spec.variant);
    activation_ = variant.activation;
    const auto scaled = [&](int channels) { return static_cast<std::int64_t>(channels * spec.width); };
    const int stem_stride = spec.stem == "small" ? 1 : 2;
    model_ = child<Blocks>("model");
    std::int64_t in = scaled(kStemChannels);
    stem_ = model_->append<Stem>(in, stem_stride, variant, g);
    for (const BlockShape& b : kBlocks) {
      model_->append<SeparableBlock>(in, scaled(b.channels), b.stride, variant, g);
      in = scaled(b.channels);
    }
    for (int i : kStageEnds) channels_.push_back(scaled(kBlocks[i - 1].channels));
  }

  Variable forward(const Variable& x, std::vector<Variable>* feature_maps) const override {
    return behind_stem(run_block([stem = stem_](Variable in) { return stem->forward(std::move(in)); }, x),
                       feature_maps);
  }
  Variable forward_pictures(const StoredPictures& pictures, std::vector<Variable>* feature_maps) const override {
    if (is_training()) return Backbone::forward_pictures(pictures, feature_maps);
    return behind_stem(stem_->forward_pictures(pictures), feature_maps);
  }

  std::int64_t feature_size() const override { return channels_.back(); }
  std::vector<std::int64_t> feature_map_channels() const override { return channels_; }
  Activation activation() const override { return activation_; }

 private:
  // The last block of each resolution but the first two: strides 4, 8, 16, 32
  // with the large stem, as ResNet's layer1-4.
  static constexpr int kStageEnds[] = {3, 5, 11, 13};
  static bool is_stage_end(int block) {
    for (int i : kStageEnds)
      if (i == block) return true;
    return false;
  }

  Variable behind_stem(Variable y, std::vector<Variable>* feature_maps) const {
    for (int i = 1; i < static_cast<int>(model_->blocks.size()); ++i) {
      y = run_block([block = model_->blocks[i]](Variable in) { return block->forward(std::move(in)); }, std::move(y));
      if (feature_maps && is_stage_end(i)) feature_maps->push_back(y);
    }
    return y;
  }

  Activation activation_;
  std::shared_ptr<Blocks> model_;
  std::shared_ptr<Stem> stem_;  // its first block
  std::vector<std::int64_t> channels_;
};

std::shared_ptr<Backbone> make(const ModelSpec& spec, Generator& g) {
  if (kStemChannels * spec.width < 1) {
    throw Error(ErrorKind::Usage, "mobilenet_v1",
                "width " + std::to_string(spec.width) + " leaves no channel of the stem's 32", "use at least 0.03125");
  }
  return std::make_shared<MobileNetV1>(spec, g);
}

}  // namespace

std::vector<Architecture> mobilenets() {
  Architecture row{.name = "mobilenet_v1", .make = make, .variants = {}};
  for (const Variant& variant : kVariants)
    row.variants.push_back({.name = variant.name, .normalize = variant.normalize, .about = variant.about});
  row.external = std::make_shared<const ExternalNames>(mobilenet_external());
  row.says_width = true;
  row.has_variants = "MobileNet";
  row.widths = "MobileNet 0.25, 0.5, 0.75, 1";
  return {row};
}

}  // namespace fledge
