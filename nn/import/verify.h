// Does every tensor have a place, and the right shape? One message lists all that does not fit.
#pragma once
#include "nn/import/architecture.h"
#include "nn/import/head.h"

namespace fledge::importing {

/// Our names of the file's tensors (FoundBackbone::target, filled up with the head's) and, where empty, whether the
/// tensor is one the network never uses.
struct Assignment {
  std::vector<std::string> target;
  std::vector<bool> unused;
};
Assignment assign(const std::vector<Source>& sources, const FoundBackbone& backbone, const Heads& heads);

/// Errors (BadInput): missing, unexpected and misshapen tensors, and places taken twice. Batch counters may miss, and
/// may have any shape of one element.
void verify(const std::vector<Source>& sources, const Assignment& assignment, const Identified& identified,
            const FoundBackbone& backbone, const Heads& heads);

}  // namespace fledge::importing
