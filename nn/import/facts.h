// What a pickled module says of the backbone's layers, by what each layer is for: sorted here, judged in variant.h.
#pragma once
#include <string>
#include <vector>

#include "nn/import/backbone.h"

namespace fledge::importing {

struct BackboneFact {
  enum class Role {
    Weighted,    // a convolution or a norm
    StemPool,    // a max pool beside the stem, or what stands where the form has it
    Activation,  // an activation, or what stands where the form has one
    Other,       // another layer without weights: a dropout, padding, ...
  };
  std::string name = {};  // in the file
  Role role = Role::Other;
  std::string ours = {};  // Weighted: our module, "layer1.0.conv1"
  LayerFacts facts = {};
};

/// Facts about the backbone's layers, by name. Containers are left out, and so is what the map drops and what stands
/// outside the backbone; at the root of a file without a prefix, where head and backbone lie side by side, only
/// activations that can be the backbone's and poolings count.
std::vector<BackboneFact> backbone_facts(const std::vector<Source>& sources, const FoundBackbone& backbone,
                                         const ImportOptions& options);

}  // namespace fledge::importing
