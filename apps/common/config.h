// Where a verb's options come from: its flags, a TOML file (--config) or a shipped preset (--preset). Every key of a
// file is a flag, the command line wins, an unknown name is an error with a suggestion.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace fledge {

/// Adds --config, --preset and --print-config to a verb.
void add_config_flags(CLI::App& verb);

/// The arguments after the program's name with the keys of --config/--preset put in as flags before the user's own.
/// Errors (Usage): no such verb, unknown flag or key, unreadable TOML, unknown preset (all name the nearest known
/// word).
std::vector<std::string> expand_arguments(const CLI::App& root, const std::vector<std::string>& arguments);

/// The verb's options as they now stand, as a TOML file that can be given to --config.
std::string resolved_config(const CLI::App& verb);
/// The same text with another value of one key.
std::string with_value(const std::string& config, const std::string& key, const std::string& value);
/// --print-config: writes it to stdout and says true, so that the verb stops there.
bool print_config_if_asked(const CLI::App& verb);

/// Folder of the shipped presets: FLEDGE_PRESETS in the environment, else where the sources were built.
std::string preset_folder();

}  // namespace fledge
