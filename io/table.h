// The table beside an embedding file: one row a picture, header "path<TAB>label". Control characters (tabs, line breaks)
// and bytes that are no UTF-8 are written as \xNN (io/escape.h) and read back exactly.
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
