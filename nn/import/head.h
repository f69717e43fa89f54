// The linear layers beside a backbone: an embedding head, or a classifier.
#pragma once
#include <set>
#include <string>

#include "nn/import/backbone.h"

namespace fledge::importing {

struct Heads {
  std::string embedding;      // module of the embedding head, in the file: "feat", "module.head"; empty: none
  std::string classifier;     // of the classifier that is kept; empty: none, or unused beside an embedding head
  std::int64_t outputs = 0;   // of the one of the two that is there
  bool without_bias = false;  // of the embedding head: taken as 0
  std::set<std::string> unused_modules;  // classifiers that an embedding head makes useless or that have no bias, norms
  std::vector<std::string> notes = {};   // about what is left out
};

/// `features`: inputs that a head must have. Layers of losses are none. Errors (BadInput): several candidates, or a
/// head of several layers.
Heads find_heads(const std::vector<Source>& sources, const FoundBackbone& backbone, std::int64_t features);

}  // namespace fledge::importing
