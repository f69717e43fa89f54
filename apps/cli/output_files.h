// Files that no command writes over: what it reads itself, and what is somebody else's.
#pragma once
#include <string>
#include <vector>

namespace fledge {

/// Refuses (Usage) an output that is one of the command's own inputs. Those that are not there count for nothing.
void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs);
/// Refuses (Usage) an output that is there and does not begin as what is to be written would: somebody else's file.
void refuse_other_file_as_output(const std::string& output, const std::string& start, const std::string& what);

}  // namespace fledge
