// A program run to its end, with what it prints.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace fledge::bench {

struct Finished {
  int code = -1;    // exit code, or 128 + signal
  int signal = 0;   // that ended it, else 0
  std::string out;  // stdout
};

/// PATH is searched. `environment`: variables set besides ours. stderr goes where ours goes, or nowhere. It does not
/// outlive this process, and ends when this one is asked to stop (Stopped). Errors (Resource): it cannot be started; a
/// program that is not there exits with 127.
Finished run_process(const std::vector<std::string>& arguments,
                     const std::vector<std::pair<std::string, std::string>>& environment, bool keep_stderr);

/// The program that runs now.
std::string own_program();

}  // namespace fledge::bench
