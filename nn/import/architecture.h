// Which network a backbone is: architecture, width, stem. Relatives of the known networks (ResNeXt, deep stems, ...)
// are refused here by what sets them apart; whether every tensor fits is verify.h's question.
#pragma once
#include <string>

#include "nn/import/backbone.h"

namespace fledge::importing {

struct Identified {
  ModelSpec spec;             // embedding and classes 0
  std::string looks_like;     // what the tensors say, which a forced architecture may contradict; empty: nothing known
  std::int64_t features = 0;  // of the backbone of `spec`
};

/// Errors (BadInput): a relative, with what is different about it; another architecture than the options ask for; no
/// width that fledge builds.
Identified identify(const std::vector<Source>& sources, const FoundBackbone& backbone, const ImportOptions& options);

}  // namespace fledge::importing
