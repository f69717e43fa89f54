// Of networks with equal weights the one that the layers of a pickled module show: its variant and its stem.
#pragma once
#include <string>
#include <vector>

#include "nn/import/facts.h"

namespace fledge::importing {

/// What the facts chose, and what the user is told about it.
struct VariantChoice {
  bool variant_told = false, stem_told = false;  // by the facts
  std::vector<std::string> notes;
};

/// Sets variant and stem of `spec`, whose tensors are known to fit; where the facts leave them open, they stay.
/// What the options fix stays too: facts that disagree become a note. Errors (BadInput): layers of another network.
VariantChoice choose_variant(const std::vector<BackboneFact>& facts, const ImportOptions& options, ModelSpec& spec);

}  // namespace fledge::importing
