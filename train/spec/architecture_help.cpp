#include "train/spec/architecture_help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "nn/models/registry.h"

namespace fledge {
namespace {

using Texts = std::vector<std::string>;

void add_once(Texts& texts, const std::string& text) {
  if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
}

/// `text` of each family that has variants behind the first: of who they are, and of these.
template <class Text>
Texts of_families(Text text) {
  Texts all;
  for (const std::string& name : model_names()) {
    const Architecture& row = architecture(name);
    if (row.variants.size() < 2) continue;
    const std::vector<ModelVariant> others(row.variants.begin() + 1, row.variants.end());
    add_once(all, text(row.has_variants.empty() ? name : row.has_variants, others));
  }
  return all;
}

}  // namespace

std::string arch_help() { return fmt::format("{}", fmt::join(model_names(), ", ")); }

std::string width_help() {
  Texts widths;
  for (const std::string& name : model_names()) add_once(widths, architecture(name).widths);
  return fmt::format("width multiplier: {}", fmt::join(widths, "; "));
}

std::string variant_help() {
  const Texts families = of_families([](const std::string& who, const std::vector<ModelVariant>& variants) {
    Texts names;
    for (const ModelVariant& v : variants) names.push_back(v.about.empty() ? v.name : v.name + " (" + v.about + ")");
    return fmt::format("{} also {}", who, fmt::join(names, " and "));
  });
  return fmt::format("{}; {}", ModelSpec().variant, fmt::join(families, "; "));
}

std::string variant_list() {
  const Texts families = of_families([](const std::string& who, const std::vector<ModelVariant>& variants) {
    Texts names;
    for (const ModelVariant& v : variants) names.push_back(v.name);
    return fmt::format("{} ({})", fmt::join(names, ", "), who);
  });
  return fmt::format("{}, {}", ModelSpec().variant, fmt::join(families, ", "));
}

}  // namespace fledge
