// What a pickled module says of the trunk's layers, by what each layer is for: sorted here, judged in variant.h.
#pragma once
#include <string>
#include <vector>

#include "nn/import/trunk.h"

namespace fledge::importing {

struct TrunkFact {
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

/// Facts about the trunk's layers, by name. Containers are left out, and so is what the map drops and what stands
/// outside the trunk; at the root of a file without a prefix, where head and trunk lie side by side, only activations
/// that can be the trunk's and poolings count.
std::vector<TrunkFact> trunk_facts(const std::vector<Source>& sources, const Trunk& trunk,
                                   const ImportOptions& options);

}  // namespace fledge::importing
