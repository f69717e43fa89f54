// One of the networks that a file's tensors fit, held against what the file says of its layers.
#pragma once
#include <string>
#include <vector>

#include "nn/import/facts.h"

namespace fledge::importing {

/// A layer of the file that is not as the network has it.
struct Conflict {
  std::size_t fact = 0;
  std::string has, wanted;  // "has stride 1", "2"; "is 'ELU'", "ReLU"
  bool stem = false;        // what options.stem decides, not options.variant
};

struct Candidate {
  Candidate(const ModelSpec& spec, const std::vector<BackboneFact>& facts);

  ModelSpec spec;
  std::vector<Conflict> conflicts;  // in the order of the facts, one a layer
};

}  // namespace fledge::importing
