#include "apps/cli/output_files.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/error.h"

namespace fledge {

namespace fs = std::filesystem;

void require_writable(const std::string& file, const std::string& hint) {
  const fs::path folder = fs::path(file).parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    throw Error(ErrorKind::Resource, "", "cannot write '" + file + "': no folder '" + folder.string() + "'",
                "create it first");
  if (fs::is_directory(file)) throw Error(ErrorKind::Resource, "", "cannot write '" + file + "': it is a folder", hint);
}

void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs) {
  std::error_code ignored;
  for (const std::string& input : inputs)
    if (!input.empty() && fs::is_regular_file(output, ignored) && fs::equivalent(output, input, ignored))
      throw Error(ErrorKind::Usage, "", "'" + output + "' would be written over '" + input + "', which is read",
                  "name another file");
}

void refuse_other_file_as_output(const std::string& output, const std::string& start, const std::string& what) {
  std::error_code ignored;
  if (!fs::is_regular_file(output, ignored) || fs::file_size(output, ignored) == 0) return;
  std::string begin(start.size(), '\0');
  std::ifstream file(output, std::ios::binary);
  if (file.read(begin.data(), static_cast<std::streamsize>(begin.size())) && begin == start) return;
  throw Error(ErrorKind::Usage, "", "'" + output + "' is there and is no " + what, "name another file, or remove it");
}

}  // namespace fledge
