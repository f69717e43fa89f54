// The architectures: what ModelSpec::arch, and --arch, may name. Each model file gives its rows (registry.cpp lists the
// files); programs add their own before they build or read a model.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/external.h"
#include "nn/models/model.h"

namespace fledge {

/// Networks of equal weights that compute differently.
struct ModelVariant {
  std::string name;                    // of ModelSpec::variant
  std::string normalize = "imagenet";  // how pictures are prepared for external weights of it
  std::string shown_by = {};           // what the layers of a pickled module show it by, for a note
  std::string about = {};              // for --help, in brackets: "timm's"
};

struct Architecture {
  std::string name;  // "resnet18"
  /// Errors (Usage): a width that leaves no channel. Stem and variant are known to be there.
  std::function<std::shared_ptr<Backbone>(const ModelSpec&, Generator&)> make;
  std::vector<ModelVariant> variants = {{.name = "torch"}};  // the default first
  std::shared_ptr<const ExternalNames> external = {};  // null: weight files have our names (nn/import/own_names.h)
  bool says_width = false;                             // ModelSpec::describe names it though it is 1
  /// For --help. Architectures of one family have the same texts, which are told once.
  std::string has_variants = {};  // which have the variants behind the first: "ResNet-50 and deeper"; empty: `name`
  std::string widths = {};        // "MobileNet 0.25, 0.5, 0.75, 1"; empty: nothing to say
};

/// Errors (Usage): an empty name, or one that is there. Not while other threads use models.
void register_architecture(Architecture architecture);
/// Null for an unknown name. The pointer stays valid.
const Architecture* find_architecture(const std::string& name);
/// Errors (Usage): an unknown name, with a suggestion.
const Architecture& architecture(const std::string& name);
/// In the order of their registration.
std::vector<const Architecture*> architectures();
/// In alphabetical order, for messages and --help.
std::vector<std::string> model_names();
/// Of variants, the default first. Errors (Usage): an unknown architecture.
std::vector<std::string> variant_names(const std::string& arch);

}  // namespace fledge
