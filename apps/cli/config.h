// Where a verb's options come from: its flags, a TOML file (--config) or a shipped preset (--preset). Every key of a
// file is a flag, the command line wins, an unknown name is an error with a suggestion.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/verb.h"

namespace fledge {

/// The arguments after the program's name with the keys of --config/--preset put in as flags
/// before the user's own. Errors (Usage): no such verb, unknown flag or key, unreadable TOML,
/// unknown preset (all name the nearest known word).
std::vector<std::string> with_configs(const std::vector<Verb>& verbs, const std::vector<std::string>& arguments);

/// Folder of the shipped presets: FLEDGE_PRESETS in the environment, else where the sources were built.
std::string preset_folder();

}  // namespace fledge
