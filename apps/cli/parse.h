// The command line, read by CLI11; parse.cpp is the only file that knows it.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/verb.h"

namespace fledge {

struct Parsed {
  Verb* verb = nullptr;  // the chosen one, its fields set; null: nothing to run, `code` is the process's
  int code = 0;
};

/// `arguments`: those after the program's name. Help and version are printed. Errors (Usage): as read_configs() throws
/// them, an unknown flag, a value that does not fit.
Parsed parse(std::vector<Verb>& verbs, const std::vector<std::string>& arguments);

}  // namespace fledge
