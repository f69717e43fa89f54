// Values of flags, read as people mean them; flags that would be passed over; files that must not be written over.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace fledge {

/// For every option of the verb and of its own verbs: whole numbers are decimal (010 is ten), fit, and are nothing else;
/// numbers are no NaN and do not vanish; true and false are words or 1 and 0. After all options are there.
void check_values(CLI::App& verb);

/// At least 0.
CLI::Validator at_least_zero();

/// Refuses (Usage) flags that were given another value than their own default and that `passed_over` names, by group and
/// name without hyphens: "--classes says nothing WHEN".
void refuse_passed_over(const CLI::App& verb, const std::string& when,
                        const std::function<bool(const std::string& group, const std::string& name)>& passed_over);

/// Refuses (Usage) an output that is one of the command's own inputs. Those that are not there count for nothing.
void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs);
/// Refuses (Usage) an output that is there and does not begin as what is to be written would: somebody else's file.
void refuse_other_file_as_output(const std::string& output, const std::string& start, const std::string& what);

}  // namespace fledge
