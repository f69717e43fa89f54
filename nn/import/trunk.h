// Where in a file the network is: the prefix before its names, and the form of the names.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "nn/import/forms.h"
#include "nn/import/name_map.h"

namespace fledge::importing {

struct Trunk {
  const NameForm* form = nullptr;
  std::string prefix = {};                               // "", "base.", "module.backbone.", ...
  std::unordered_map<std::string, std::size_t> at = {};  // our name -> index of its (first) tensor in the file
  std::vector<std::string> target = {};                  // per tensor of the file: our name; empty: not of the trunk

  const std::vector<std::int64_t>* shape(const std::vector<Source>& sources, const std::string& ours) const;
};

/// `family`: only trunks of this family, if there is one at all. Errors (BadInput): none, or more than one.
Trunk find_trunk(const std::vector<Source>& sources, std::optional<Family> family);

}  // namespace fledge::importing
