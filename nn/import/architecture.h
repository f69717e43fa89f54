// Which network a trunk is: architecture, width, stem. Relatives of the known networks (ResNeXt, deep stems, ...) are
// refused here by what sets them apart; whether every tensor fits is verify.h's question.
#pragma once
#include <string>

#include "nn/import/trunk.h"

namespace fledge::importing {

struct Architecture {
  ModelSpec spec;             // embedding and classes 0
  std::string looks_like;     // what the tensors say, which a forced architecture may contradict; empty: nothing known
  std::int64_t features = 0;  // of the pooled features of `spec`
};

/// none for an empty name. Errors (Usage): an unknown one.
std::optional<Family> family_of(const std::string& arch);

Architecture identify(const std::vector<Source>& sources, const Trunk& trunk, const ImportOptions& options);

/// Why a trunk's tensor has no place in `arch`: "resnet50 ends layer3 at block 5"; empty: nothing more to say.
std::string why_no_place(const std::string& our_name, const std::string& arch);

}  // namespace fledge::importing
