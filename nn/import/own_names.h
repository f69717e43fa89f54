// What the architectures tell about external weight files; an architecture that tells nothing is known by its own
// names.
#pragma once
#include <string>
#include <vector>

#include "nn/models/registry.h"

namespace fledge {

/// Errors (Usage): an unknown architecture. The reference stays valid.
const ExternalNames& external_names(const std::string& arch);
/// Each once, in the order of the registry.
std::vector<const ExternalNames*> all_external_names();

}  // namespace fledge
