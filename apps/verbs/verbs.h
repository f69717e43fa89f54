// The verbs of the fledge binary, one file each. add_X registers the verb with its flags; the returned function runs it
// and gives the exit code. It is called only when the verb was chosen.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace fledge {

using RunVerb = std::function<int(const std::string& command)>;

RunVerb add_train(CLI::App& app);
RunVerb add_distill(CLI::App& app);
RunVerb add_eval(CLI::App& app);
RunVerb add_embed(CLI::App& app);
RunVerb add_data(CLI::App& app);
RunVerb add_inspect(CLI::App& app);
RunVerb add_convert(CLI::App& app);
RunVerb add_report(CLI::App& app);
RunVerb add_doctor(CLI::App& app);
RunVerb add_search(CLI::App& app);
RunVerb add_bench(CLI::App& app);

/// Text under every verb's flags: environment variables, exit codes, files.
std::string help_footer(const std::string& examples);

}  // namespace fledge
