#include "tests/cudnn/problems.h"

#include <algorithm>

#include "kernels/api/pool.h"
#include "nn/layers/conv.h"
#include "nn/models/registry.h"

namespace fledge::test {
namespace {

std::vector<ModelSpec> all_networks() {
  std::vector<ModelSpec> specs;
  for (const std::string& arch : model_names())
    for (const std::string& variant : variant_names(arch))
      for (const std::string stem : {"imagenet", "small"})
        for (const double width : {0.25, 0.5, 0.75, 1.0}) {
          ModelSpec spec;
          spec.arch = arch;
          spec.variant = variant;
          spec.stem = stem;
          spec.width = width;
          if (arch == "mobilenet_v1" || width == 1.0) specs.push_back(spec);
        }
  return specs;
}

/// Follows the picture's size through a network's convolutions, in the order in which the model registers them.
void append_convolutions(const ModelSpec& spec, std::int64_t batch, std::int64_t size,
                         std::vector<NetworkConv>& convolutions) {
  const auto model = EmbeddingModel::shapes_only(spec);
  const bool bottleneck = spec.arch == "resnet50" || spec.arch == "resnet101" || spec.arch == "resnet152";
  Dims y{batch, 3, size, size}, block_input = y;
  for (const auto& [name, module] : model->named_modules()) {
    const auto* conv = dynamic_cast<const Conv2d*>(module);
    if (!conv) continue;
    const bool in_block = name.find("layer") == 0, shortcut = name.find("downsample") != std::string::npos;
    if (in_block && name.ends_with(".conv1")) block_input = y;
    NetworkConv c;
    c.x = shortcut ? block_input : y;
    c.w = conv->weight().value().dims();
    c.params = conv->options().params;
    c.joins = in_block && name.ends_with(bottleneck ? ".conv3" : ".conv2");
    c.relu6 = model->backbone().activation() == Activation::ReLU6;
    c.has_activation = !shortcut;
    y = c.params.output_dims(c.x, c.w);
    if (name == "conv1" && spec.stem == "imagenet") y = Pool2dParams().output_dims(y);
    if (!c.params.is_depthwise(c.x, c.w)) convolutions.push_back(c);
  }
}

cudnn::ProblemKey key_of(ConvDirection op, const NetworkConv& c, Number number) {
  return cudnn::problem_key(op, number == Number::BFloat16 ? DType::BFloat16 : DType::Float32,
                            number == Number::TF32 ? Precision::TF32 : Precision::Strict, c.x, c.w, c.params);
}

void add_new(std::vector<cudnn::ProblemKey>& keys, const cudnn::ProblemKey& key) {
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

}  // namespace

std::vector<NetworkConv> network_convolutions(std::int64_t batch, std::int64_t size) {
  std::vector<NetworkConv> convolutions;
  for (const ModelSpec& spec : all_networks()) append_convolutions(spec, batch, size, convolutions);
  return convolutions;
}

std::vector<cudnn::ProblemKey> plain_keys(const std::vector<NetworkConv>& convolutions, Number number) {
  std::vector<cudnn::ProblemKey> keys;
  for (const NetworkConv& c : convolutions)
    for (const ConvDirection op : {ConvDirection::Forward, ConvDirection::GradInput, ConvDirection::GradWeight})
      add_new(keys, key_of(op, c, number));
  return keys;
}

std::vector<cudnn::ProblemKey> fused_keys(const std::vector<NetworkConv>& convolutions, Number number) {
  std::vector<cudnn::ProblemKey> keys;
  for (const NetworkConv& c : convolutions) {
    cudnn::ProblemKey key = key_of(ConvDirection::Forward, c, number);
    key.epilogue = kBias;  // batch norm, folded in
    if (c.joins) key.epilogue |= kResidual;
    if (c.has_activation) key.epilogue |= c.relu6 ? kReLU6 : kReLU;
    add_new(keys, key);
  }
  return keys;
}

}  // namespace fledge::test
