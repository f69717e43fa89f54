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

/// Block 0: convolution "0", batch norm "1".
class Stem : public Module {
 public:
  Stem(std::int64_t out, int stride, const Variant& v, Generator& g)
      : activation_(v.activation),
        conv_(child<Conv2d>("0", conv3x3(3, out, stride, 1, v), g)),
        bn_(child<BatchNorm2d>("1", out, v.eps)) {}

  Variable forward(const Variable& images) const { return conv_norm_act(*conv_, *bn_, activation_, images); }
  Variable forward(const StoredPictures& p) const { return conv_norm_act(*conv_, *bn_, activation_, p); }

 private:
  Activation activation_;
  std::shared_ptr<Conv2d> conv_;
  std::shared_ptr<BatchNorm2d> bn_;
};

/// Blocks 1-13: depthwise convolution "0", batch norm "1", 1x1 convolution "3", batch
/// norm "4" ("2" and "5" are the activations).
class SeparableBlock : public Module {
 public:
  SeparableBlock(std::int64_t in, std::int64_t out, int stride, const Variant& v, Generator& g)
      : activation_(v.activation),
        depthwise_(child<Conv2d>("0", conv3x3(in, in, stride, static_cast<int>(in), v), g)),
        bn1_(child<BatchNorm2d>("1", in, v.eps)),
        pointwise_(child<Conv2d>("3", conv_options(in, out, 1, 1, 0), g)),
        bn2_(child<BatchNorm2d>("4", out, v.eps)) {}

  Variable forward(const Variable& x) const {
    return separable_conv_norm_act({*depthwise_, *bn1_}, {*pointwise_, *bn2_}, activation_, x);
  }

 private:
  Activation activation_;  // the members below are made, and named, in this order
  std::shared_ptr<Conv2d> depthwise_;
  std::shared_ptr<BatchNorm2d> bn1_;
  std::shared_ptr<Conv2d> pointwise_;
  std::shared_ptr<BatchNorm2d> bn2_;
};

/// "model": blocks "0", "1", ... The network runs them.
struct Blocks : Module {
  template <class B, class... Args>
  std::shared_ptr<B> append(Args&&... args) {
    return child<B>(std::to_string(size++), std::forward<Args>(args)...);
  }
  int size = 0;
};

class MobileNetV1 : public Backbone {
 public:
  MobileNetV1(const ModelSpec& spec, Generator& g) {
    const Variant& variant = variant_named(spec.variant);
    activation_ = variant.activation;
    const auto scaled = [&](int channels) { return static_cast<std::int64_t>(channels * spec.width); };
    const int stem_stride = spec.stem == "small" ? 1 : 2;
    const auto model = child<Blocks>("model");
    std::int64_t in = scaled(kStemChannels);
    const auto stem = model->append<Stem>(in, stem_stride, variant, g);
    append_block(stem, in, stem_stride, false);
    read_pictures_by([stem](const StoredPictures& pictures) { return stem->forward(pictures); });
    for (int i = 0; i < std::ssize(kBlocks); ++i) {
      const std::int64_t out = scaled(kBlocks[i].channels);
      append_block(model->append<SeparableBlock>(in, out, kBlocks[i].stride, variant, g), out, kBlocks[i].stride,
                   is_stage_end(i + 1));
      in = out;
    }
  }

  Activation activation() const override { return activation_; }

 private:
  // The last block of each resolution but the first two: strides 4, 8, 16, 32
  // with the large stem, as ResNet's layer1-4.
  static bool is_stage_end(int block) { return block == 3 || block == 5 || block == 11 || block == 13; }

  template <class B>
  void append_block(const std::shared_ptr<B>& block, std::int64_t channels, int stride, bool ends_stage) {
    append({.forward = [block](const Variable& x) { return block->forward(x); },
            .weights = block->parameter_count(),
            .channels = channels,
            .stride = stride,
            .ends_stage = ends_stage});
  }

  Activation activation_;
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
