#include "nn/models/registry.h"

#include <algorithm>
#include <deque>

#include "base/suggest.h"

namespace fledge {

// A model file is a row here: a function that gives its architectures.
using ModelFile = std::vector<Architecture>();
ModelFile resnets, mobilenets;

namespace {

constexpr ModelFile* kModelFiles[] = {&resnets, &mobilenets};

std::deque<Architecture>& rows() {
  static std::deque<Architecture> all = [] {
    std::deque<Architecture> built_in;
    for (ModelFile* file : kModelFiles)
      for (Architecture& row : file()) built_in.push_back(std::move(row));
    return built_in;
  }();
  return all;
}

}  // namespace

const Architecture* find_architecture(const std::string& name) {
  for (const Architecture& row : rows())
    if (row.name == name) return &row;
  return nullptr;
}

void register_architecture(Architecture architecture) {
  if (architecture.name.empty() || find_architecture(architecture.name))
    throw Error(ErrorKind::Usage, "register_architecture",
                "the name '" + architecture.name + "' is empty or registered already");
  rows().push_back(std::move(architecture));
}

const Architecture& architecture(const std::string& name) {
  if (const Architecture* row = find_architecture(name)) return *row;
  throw Error(ErrorKind::Usage, "model", "unknown architecture '" + name + "'", did_you_mean(name, model_names()));
}

std::vector<const Architecture*> architectures() {
  std::vector<const Architecture*> all;
  for (const Architecture& row : rows()) all.push_back(&row);
  return all;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Architecture& row : rows()) names.push_back(row.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> variant_names(const std::string& arch) {
  std::vector<std::string> names;
  for (const ModelVariant& variant : architecture(arch).variants) names.push_back(variant.name);
  return names;
}

}  // namespace fledge
