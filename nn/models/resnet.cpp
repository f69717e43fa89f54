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

/// "layer1" ... "layer4": blocks "0", "1", ... The network runs them.
struct Stage : Module {
  template <class... Args>
  std::shared_ptr<ResidualBlock> append(Args&&... args) {
    return child<ResidualBlock>(std::to_string(size++), std::forward<Args>(args)...);
  }
  int size = 0;
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
    append_stem(base, g);
    const BlockKind kind{shape.bottleneck, where};
    std::int64_t in = base;
    for (int i = 0; i < 4; ++i) {
      const auto stage = child<Stage>("layer" + std::to_string(i + 1));
      const std::int64_t planes = base << i;
      for (int j = 0; j < shape.blocks[i]; ++j) {
        const int stride = i > 0 && j == 0 ? 2 : 1;
        const auto block = stage->append(kind, in, planes, stride, g);
        in = planes * kind.expansion();
        append({.forward = [block](Variable x) { return block->forward(std::move(x)); },
                .weights = block->parameter_count(),
                .channels = in,
                .stride = stride,
                .ends_stage = j + 1 == shape.blocks[i]});
      }
    }
  }

  std::optional<Pool2dParams> stem_pool() const override {
    return small_stem_ ? std::nullopt : std::optional(Pool2dParams{});
  }

 private:
  void append_stem(std::int64_t base, Generator& g) {
    const Conv2dOptions options = small_stem_ ? conv_options(3, base, 3, 1, 1) : conv_options(3, base, 7, 2, 3);
    const Stem stem{child<Conv2d>("conv1", options, g), child<BatchNorm2d>("bn1", base), stem_pool()};
    append({.forward = [stem](const Variable& images) { return stem(images); },
            .weights = stem.conv->parameter_count(),
            .channels = base,
            .stride = small_stem_ ? 1 : 4});
    read_pictures_by(stem);
  }

  bool small_stem_;
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
