// Values of flags, read as people mean them; flags that would be passed over.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

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

}  // namespace fledge
