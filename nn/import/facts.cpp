#include "nn/import/facts.h"

#include <algorithm>
#include <set>

namespace fledge::importing {
namespace {

using Role = BackboneFact::Role;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

/// Those that stand between the layers of backbones. Sigmoid, Softmax and Tanh, at a file's root, belong to the
/// outputs.
bool is_hidden_activation(std::string_view kind) {
  return is_one_of(kind, {"ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU",
                          "Swish", "Mish", "Hardswish", "HardSwish", "Softplus", "Threshold"});
}

bool is_activation_place(const NameForm& form, std::string_view module) {
  const std::string_view last = last_segment(module);
  return is_one_of(last, {"relu", "relu1", "relu2", "relu3", "act", "act1", "act2", "act3", "activ", "activation"}) ||
         module == form.stem_activation ||
         std::find(form.activations.begin(), form.activations.end(), last) != form.activations.end();
}

bool is_stem_pool(const NameForm& form, std::string_view module) { return module == form.stem_pool; }

bool is_below(std::string_view name, std::string_view module) {
  return name.size() > module.size() && name.starts_with(module) && name[module.size()] == '.';
}

/// Inside a block: "layer1.0.relu"; not the block itself.
bool is_in_block(const NameForm& form, std::string_view module) {
  for (const NameForm::Stage& stage : form.stages) {
    if (!module.starts_with(stage.prefix)) continue;
    const std::string_view rest = module.substr(stage.prefix.size());
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits != std::string_view::npos && digits > 0 && rest[digits] == '.') return true;
  }
  return false;
}

/// The file's modules, with the names that the map gives them through their tensors.
std::unordered_map<std::string_view, std::string_view> modules_of(const std::vector<Source>& sources) {
  std::unordered_map<std::string_view, std::string_view> modules;
  for (const Source& s : sources)
    if (!s.dropped) modules.emplace(split_leaf(s.tensor->name).first, split_leaf(s.name).first);
  return modules;
}

class Sorter {
 public:
  explicit Sorter(const FoundBackbone& backbone)
      : backbone_(backbone), form_(*backbone.form), names_(backbone.names()) {}

  /// `module`: relative to the backbone. none: not the backbone's, or of no interest. `container`: has children or
  /// weights.
  std::optional<BackboneFact> sort(const std::string& module, const LayerFacts& facts, bool container) const {
    BackboneFact fact{.facts = facts};
    const std::optional<std::string> weight = names_.ours(module + ".weight");
    if (weight && backbone_.tensors.has(*weight)) {
      fact.role = Role::Weighted;
      fact.ours = split_leaf(*weight).first;
      return fact;
    }
    const std::string_view stem = split_leaf(form_.stem_conv).first;  // "": the file's root, or that of the backbone
    const bool root = stem.empty() && module.find('.') == std::string::npos;
    const bool inside =
        (!stem.empty() && is_below(module, stem)) || is_below(module, form_.stem_bn) || is_in_block(form_, module);
    if (root && (is_stem_pool(form_, module) || facts.kind == "MaxPool2d")) {
      fact.role = Role::StemPool;
      return fact;
    }
    if (container) return std::nullopt;
    // Instead of the average over the last map; timm has it one level down, "global_pool.pool".
    const bool global_max = stem.empty() && facts.kind == "AdaptiveMaxPool2d";
    if (!root && !inside) return global_max ? std::optional(fact) : std::nullopt;
    if (is_activation_place(form_, module) || is_hidden_activation(facts.kind))
      fact.role = Role::Activation;
    else if (root && !global_max)
      return std::nullopt;
    return fact;
  }

 private:
  const FoundBackbone& backbone_;
  const NameForm& form_;
  FormNames names_;
};

}  // namespace

std::vector<BackboneFact> backbone_facts(const std::vector<Source>& sources, const FoundBackbone& backbone,
                                         const ImportOptions& options) {
  std::vector<BackboneFact> found;
  const auto modules = modules_of(sources);
  std::set<std::string_view> tensors;
  for (const Source& s : sources) tensors.insert(s.tensor->name);
  const Sorter sorter(backbone);
  for (const auto& [name, facts] : options.facts) {
    const auto with_tensors = modules.find(name);
    const std::optional<std::string> mapped =
        with_tensors != modules.end() ? std::string(with_tensors->second) : mapped_module(name, options.map);
    if (!mapped || mapped->size() <= backbone.prefix.size() || !mapped->starts_with(backbone.prefix)) continue;
    const std::string below = name + ".";
    const auto child = options.facts.lower_bound(below);
    const auto tensor = tensors.lower_bound(below);
    const bool container = (child != options.facts.end() && child->first.starts_with(below)) ||
                           (tensor != tensors.end() && tensor->starts_with(below));
    std::optional<BackboneFact> fact = sorter.sort(mapped->substr(backbone.prefix.size()), facts, container);
    if (!fact) continue;
    fact->name = name;
    found.push_back(std::move(*fact));
  }
  return found;
}

}  // namespace fledge::importing
