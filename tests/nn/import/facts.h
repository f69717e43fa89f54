// What pickled modules say of their layers, made after the classes' source.
#pragma once
#include <map>
#include <string>

#include "tests/nn/import/lists.h"

namespace fledge::test {

using Facts = std::map<std::string, LayerFacts>;

inline bool ends_with_one_of(const std::string& name, std::initializer_list<const char*> ends) {
  for (const char* end : ends)
    if (name.ends_with(end)) return true;
  return false;
}

inline LayerFacts conv(std::int64_t stride, std::int64_t padding) { return {"Conv2d", stride, padding, std::nullopt}; }
inline LayerFacts norm(double eps) { return {"BatchNorm2d", std::nullopt, std::nullopt, eps}; }
inline LayerFacts of_kind(const char* kind) { return {kind, std::nullopt, std::nullopt, std::nullopt}; }

/// As torchvision's classes say it, written after their source: `first` and `second` are the strides of conv1 and conv2
/// in the first block of layer2, layer3, layer4.
inline Facts resnet_facts(const Names& names, const std::string& prefix, std::int64_t first, std::int64_t second) {
  Facts facts = {{prefix + "relu", of_kind("ReLU")},
                 {prefix + "maxpool", {"MaxPool2d", 2, 1, std::nullopt}},
                 {prefix + "avgpool", of_kind("AdaptiveAvgPool2d")}};
  for (const NamedShape& tensor : names) {
    if (!tensor.name.starts_with(prefix) || !tensor.name.ends_with(".weight")) continue;
    const std::string module = tensor.name.substr(0, tensor.name.size() - 7), name = module.substr(prefix.size());
    if (tensor.shape.size() == 1) facts[module] = norm(1e-5);
    if (tensor.shape.size() != 4) continue;
    const bool entry = ends_with_one_of(name.substr(0, 9), {"layer2.0.", "layer3.0.", "layer4.0."});
    std::int64_t stride = 1;
    if (name == "conv1") stride = tensor.shape[2] == 7 ? 2 : 1;
    if (entry && name.ends_with(".conv1")) stride = first;
    if (entry && name.ends_with(".conv2")) stride = second;
    if (entry && name.ends_with(".downsample.0")) stride = 2;
    facts[module] = conv(stride, tensor.shape[2] / 2);
    if (name.starts_with("layer")) {
      const std::string block = module.substr(0, prefix.size() + name.find('.', 7));
      facts[block] = of_kind("Bottleneck");
      facts[block + ".relu"] = of_kind("ReLU");
    }
  }
  return facts;
}

/// A Sequential of Sequentials, model.I.J.
inline Facts mobilenet_facts(const std::string& activation, double eps, std::int64_t strided_padding,
                             std::int64_t stem_stride = 2) {
  Facts facts = {{"model", of_kind("Sequential")}, {"model.14", {"AvgPool2d", 7, 0, std::nullopt}}};
  for (int i = 0; i <= 13; ++i) {
    const std::string block = "model." + std::to_string(i);
    const bool strided = i == 2 || i == 4 || i == 6 || i == 12 || (i == 0 && stem_stride == 2);
    facts[block] = of_kind("Sequential");
    facts[block + ".0"] = conv(strided ? 2 : 1, strided ? strided_padding : 1);
    facts[block + ".1"] = norm(eps);
    facts[block + ".2"] = of_kind(activation.c_str());
    if (i == 0) continue;
    facts[block + ".3"] = conv(1, 0);
    facts[block + ".4"] = norm(eps);
    facts[block + ".5"] = of_kind(activation.c_str());
  }
  return facts;
}

inline Facts with(Facts facts, const std::string& name, const LayerFacts& layer) {
  facts[name] = layer;
  return facts;
}

inline Facts without_kind(Facts facts, const std::string& kind) {
  std::erase_if(facts, [&](const auto& f) { return f.second.kind == kind; });
  return facts;
}

}  // namespace fledge::test
