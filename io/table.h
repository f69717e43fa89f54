// The table beside an embedding file: one row a picture, header "path<TAB>label" or
// "path<TAB>label<TAB>content". Control characters (tabs, line breaks) and bytes that are no UTF-8 are written
// as \xNN (base/escape.h) and read back exactly.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fledge {

struct LabelTable {
  std::vector<std::string> paths;
  std::vector<std::string> labels;
  /// What each picture is, whatever its name: XXH3-128 of its file, 32 digits, or "pixels:" and that of its pixels,
  /// where it has no file of its own; "": not known. Empty: no column.
  std::vector<std::string> contents = {};
};

/// Spaces around a label are left out, as are a byte-order mark and carriage returns at the ends of lines. Throws
/// Error(BadInput) naming file and line: missing header, wrong number of columns, a
/// content that is none.
LabelTable load_table(const std::string& path);
/// The same of a text in memory; `path` is for messages.
LabelTable parse_table(std::string_view text, const std::string& path);
/// Throws Error(BadInput) naming the first row without a label: taken together such rows would be one class.
void refuse_blank_labels(const std::string& path, const LabelTable& table);
/// Error(BadInput): a path stands twice. As two rows of one picture find each
/// other first, any embedding would look good.
void refuse_doubled_paths(const std::string& path, const LabelTable& table);
/// Error(BadInput): two of the labels are one number written in two ways (io/label_numbers.h). `tables`, each a file's
/// name and its labels, are looked at together.
void refuse_doubled_numbers(const std::vector<std::pair<std::string, const std::vector<std::string>*>>& tables);
void save_table(const std::string& path, const LabelTable& table);
/// What save_table writes.
std::string table_text(const LabelTable& table);

}  // namespace fledge
