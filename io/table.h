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

/// Spaces around a label are left out, as are a byte-order mark and carriage returns at the ends of lines. Throws
/// Error(BadInput) naming file and line: missing header, wrong number of columns.
LabelTable load_table(const std::string& path);
/// Throws Error(BadInput) naming the first row without a label: taken together such rows would be one class.
void refuse_blank_labels(const std::string& path, const LabelTable& table);
void save_table(const std::string& path, const LabelTable& table);

}  // namespace fledge
