// Where in a file the network is: the prefix before its names, and the form of the names.
#pragma once
#include <string>
#include <vector>

#include "nn/import/forms.h"
#include "nn/import/name_map.h"
#include "nn/import/own_names.h"

namespace fledge::importing {

struct FoundBackbone {
  const ExternalNames* family = nullptr;
  const NameForm* form = nullptr;
  std::string prefix = {};               // "", "base.", "module.backbone.", ...
  ExternalTensors tensors = {};          // by our names
  std::vector<std::string> target = {};  // per tensor of the file: our name; empty: not of the backbone

  FormNames names() const { return {*family, *form}; }
};

/// `family`: only backbones of this family, if there is one at all; null: of any. Errors (BadInput): none, or more than
/// one.
FoundBackbone find_backbone(const std::vector<Source>& sources, const ExternalNames* family);

}  // namespace fledge::importing
