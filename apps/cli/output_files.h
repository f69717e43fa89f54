// Files that no command writes over: what it reads itself, and what is somebody else's.
#pragma once
#include <string>
#include <vector>

namespace fledge {

/// Refuses (Resource) a file whose folder is not there, or that is a folder itself (`hint`): said now, not after an
/// hour of work.
void require_writable(const std::string& file, const std::string& hint);
/// Refuses (Usage) an output that is one of the command's own inputs. Those that are not there count for nothing.
void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs);
/// Refuses (Usage) an output that is there and does not begin as what is to be written would: somebody else's file.
void refuse_other_file_as_output(const std::string& output, const std::string& start, const std::string& what);

}  // namespace fledge
