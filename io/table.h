// The table beside an embedding file: one row a picture, header "path<TAB>label".
#pragma once
#include <string>
#include <vector>

namespace fledge {

struct LabelTable {
  std::vector<std::string> paths;
  std::vector<std::string> labels;
};

/// Throws Error(BadInput) naming file and line: missing header, wrong number of columns.
LabelTable load_table(const std::string& path);
void save_table(const std::string& path, const LabelTable& table);

}  // namespace fledge
