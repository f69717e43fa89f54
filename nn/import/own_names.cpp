#include "nn/import/own_names.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "nn/import/forms.h"

namespace fledge {
namespace {

/// Its names as they are, recognised by four of its convolutions. The first one's channels tell the width.
ExternalNames names_of_its_own(const std::string& arch) {
  ModelSpec spec;
  spec.arch = arch, spec.embedding = 0;
  ExternalNames names{.name = arch, .title = arch, .kin = "its kin?"};
  std::vector<std::string> filters;
  std::int64_t channels = 1;
  for (const auto& [name, tensor] : EmbeddingModel::shapes_only(spec)->named_state()) {
    const std::string module(importing::split_leaf(name).first);
    names.modules.insert(module);
    if (tensor.rank() != 4) continue;
    if (filters.empty()) channels = tensor.dim(0);
    filters.push_back(module);
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(4, filters.size()); ++i)
    names.landmarks.push_back(filters[i * (filters.size() - 1) / 3]);
  names.stem_conv = filters.empty() ? "" : filters[0];
  names.forms = {{.label = "fledge's own of " + arch, .stem_conv = names.stem_conv, .classifier = "fc"}};
  names.stem_assumed = "imagenet";
  names.stem_assumption = "taken as imagenet";
  names.variant_hint = "say --conventions";
  names.identify = [arch, channels, stem = names.stem_conv + ".weight"](const ExternalTensors& tensors, const NameForm&,
                                                                        const std::string&) {
    IdentifiedModel found;
    found.spec.arch = found.looks_like = arch;
    found.spec.variant = architecture(arch).variants.front().name;
    found.spec.width = static_cast<double>(tensors.channels(stem)) / static_cast<double>(channels);
    return found;
  };
  return names;
}

}  // namespace

const ExternalNames& external_names(const std::string& arch) {
  const Architecture& row = architecture(arch);
  if (row.external) return *row.external;
  static std::mutex mutex;
  static std::map<std::string, ExternalNames> made;
  const std::lock_guard lock(mutex);
  const auto found = made.find(arch);
  return found != made.end() ? found->second : made.emplace(arch, names_of_its_own(arch)).first->second;
}

std::vector<const ExternalNames*> all_external_names() {
  std::vector<const ExternalNames*> all;
  for (const Architecture* row : architectures()) {
    const ExternalNames* names = &external_names(row->name);
    if (std::find(all.begin(), all.end(), names) == all.end()) all.push_back(names);
  }
  return all;
}

}  // namespace fledge
