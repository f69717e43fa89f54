#include "nn/import/candidate.h"

#include <charconv>
#include <cmath>
#include <map>
#include <memory>

#include "nn/import/own_names.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"

namespace fledge::importing {
namespace {

using Role = BackboneFact::Role;

std::string text_of(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

/// Layers that change nothing when a network is evaluated.
bool does_nothing(const std::string& kind) {
  for (const char* known : {"Identity", "Dropout", "Dropout2d", "DropPath", "DropBlock2d", "StochasticDepth",
                            "Sequential", "ModuleList", "ModuleDict", "QuantStub", "DeQuantStub", "FloatFunctional"})
    if (kind == known) return true;
  return false;
}

class Comparison {
 public:
  explicit Comparison(const ModelSpec& spec)
      : family_(external_names(spec.arch)), model_(EmbeddingModel::shapes_only(spec)) {
    for (const auto& [name, module] : model_->named_modules()) {
      layers_.emplace(name, module);
      const auto* conv = dynamic_cast<const Conv2d*>(module);
      if (conv && conv->options().params.pad_top != conv->options().params.pad_bottom) pads_one_side_ = true;
    }
  }

  std::optional<Conflict> compare(const BackboneFact& fact) const {
    if (fact.role == Role::Weighted) {
      const auto layer = layers_.find(fact.ours);
      if (layer == layers_.end()) return std::nullopt;
      if (const auto* conv = dynamic_cast<const Conv2d*>(layer->second)) return compare_conv(fact, *conv);
      if (const auto* norm = dynamic_cast<const BatchNorm2d*>(layer->second)) return compare_norm(fact.facts, *norm);
      return std::nullopt;
    }
    if (fact.facts.kind.empty()) return std::nullopt;
    if (fact.role == Role::StemPool) return compare_pool(fact);
    if (fact.role == Role::Activation)
      return fact.facts.kind == activation() ? std::nullopt : std::optional(kind(fact.facts, activation()));
    return compare_other(fact.facts);
  }

 private:
  std::string activation() const { return model_->backbone().activation() == Activation::ReLU6 ? "ReLU6" : "ReLU"; }

  static std::optional<Conflict> number(const char* what, std::optional<std::int64_t> has, std::int64_t wanted,
                                        bool stem) {
    if (!has || *has == wanted) return std::nullopt;
    return Conflict{
        .has = std::string("has ") + what + " " + std::to_string(*has), .wanted = std::to_string(wanted), .stem = stem};
  }
  static Conflict kind(const LayerFacts& facts, const std::string& wanted, bool stem = false) {
    return {.has = "is " + quoted(facts.kind), .wanted = wanted, .stem = stem};
  }

  std::optional<Conflict> compare_conv(const BackboneFact& fact, const Conv2d& conv) const {
    const LayerFacts& facts = fact.facts;
    // Other classes (weight standardisation, quantised ones) compute something else from the same weights; timm's
    // Conv2dSame pads by itself as Keras does.
    if (!facts.kind.empty() && facts.kind != "Conv2d" && facts.kind != "Conv2dSame") return kind(facts, "Conv2d");
    const bool stem = fact.ours == family_.stem_conv;
    const Conv2dParams& params = conv.options().params;
    if (auto c = number("stride", facts.stride, params.stride_h, stem)) return c;
    return number("padding", facts.padding, params.pad_top, stem && family_.shapes_tell_stem);
  }

  std::optional<Conflict> compare_norm(const LayerFacts& facts, const BatchNorm2d& norm) const {
    if (!facts.kind.empty() && facts.kind.find("BatchNorm") == std::string::npos) return kind(facts, "BatchNorm2d");
    if (!facts.eps || std::abs(*facts.eps - norm.eps()) <= 1e-6 * norm.eps()) return std::nullopt;
    return Conflict{.has = "has eps " + text_of(*facts.eps), .wanted = text_of(norm.eps())};
  }

  std::optional<Conflict> compare_pool(const BackboneFact& fact) const {
    const std::optional<Pool2dParams> pool = model_->backbone().stem_pool();
    if (!pool) {
      if (does_nothing(fact.facts.kind)) return std::nullopt;
      const bool other_stem = !family_.forms[0].stem_pool.empty();
      return kind(fact.facts, other_stem ? "no pooling with the small stem" : "no such layer", true);
    }
    if (fact.facts.kind != "MaxPool2d") return kind(fact.facts, "MaxPool2d", true);
    if (auto c = number("stride", fact.facts.stride, pool->stride_h, true)) return c;
    return number("padding", fact.facts.padding, pool->pad_top, true);
  }

  std::optional<Conflict> compare_other(const LayerFacts& facts) const {
    if (does_nothing(facts.kind)) return std::nullopt;
    // Padding at the end only is a layer of its own in ports of Keras' networks.
    if ((facts.kind == "ZeroPad2d" || facts.kind == "ConstantPad2d") && pads_one_side_)
      return number("padding", facts.padding, 0, false);
    return kind(facts, "no such layer");
  }

  const ExternalNames& family_;
  std::shared_ptr<EmbeddingModel> model_;
  std::map<std::string, const Module*> layers_;
  bool pads_one_side_ = false;
};

}  // namespace

Candidate::Candidate(const ModelSpec& spec, const std::vector<BackboneFact>& facts) : spec(spec) {
  const Comparison comparison(spec);
  for (std::size_t i = 0; i < facts.size(); ++i) {
    std::optional<Conflict> conflict = comparison.compare(facts[i]);
    if (!conflict) continue;
    conflict->fact = i;
    conflicts.push_back(std::move(*conflict));
  }
}

}  // namespace fledge::importing
