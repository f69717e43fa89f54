#include "io/table.h"

#include <algorithm>

#include "io/escape.h"
#include "io/file.h"
#include "kernels/api/error.h"

namespace fledge {

namespace {

constexpr const char* kHeader = "path\tlabel";

[[noreturn]] void refuse(const std::string& path, std::size_t line, const std::string& problem,
                         const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "",
              "cannot read table '" + path + "', line " + std::to_string(line) + ": " + problem, hint);
}

std::string trimmed(const std::string& text) {
  const std::size_t from = text.find_first_not_of(' ');
  return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(' ') + 1 - from);
}

}  // namespace

LabelTable load_table(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxBytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  LabelTable table;
  std::size_t line = 0;
  for (std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    std::string row(text.substr(at, end - at));
    at = end + 1;
    ++line;
    if (!row.empty() && row.back() == '\r') row.pop_back();
    if (line == 1) {
      if (trimmed(row) != kHeader)
        refuse(path, 1, "the first line must be path<TAB>label, it is '" + row.substr(0, 60) + "'");
      continue;
    }
    const std::size_t tab = row.find('\t');
    if (tab == std::string::npos) refuse(path, line, "1 column instead of 2", "columns are separated by one tab");
    if (row.find('\t', tab + 1) != std::string::npos) refuse(path, line, "more than 2 columns");
    table.paths.push_back(unescaped(std::string_view(row).substr(0, tab)));
    table.labels.push_back(unescaped(trimmed(row.substr(tab + 1))));
  }
  if (line == 0) refuse(path, 1, "the file is empty", "the first line must be path<TAB>label");
  return table;
}

void refuse_blank_labels(const std::string& path, const LabelTable& table) {
  const auto blank = std::find(table.labels.begin(), table.labels.end(), "");
  if (blank == table.labels.end()) return;
  const auto row = static_cast<std::size_t>(blank - table.labels.begin());
  refuse(path, row + 2, "row " + std::to_string(row + 1) + " has no label",
         std::to_string(std::count(table.labels.begin(), table.labels.end(), "")) +
             " rows have none and would count as one class: give each its class, or leave the rows out");
}

void save_table(const std::string& path, const LabelTable& table) {
  if (table.paths.size() != table.labels.size())
    throw Error(ErrorKind::Usage, "save_table",
                std::to_string(table.paths.size()) + " paths but " + std::to_string(table.labels.size()) +
                    " labels for '" + path + "'");
  std::string text = std::string(kHeader) + "\n";
  for (std::size_t i = 0; i < table.paths.size(); ++i) {
    text += escaped_for_line(table.paths[i]) + "\t" + escaped_for_line(table.labels[i]) + "\n";
  }
  write_file_atomic(path, text);
}

}  // namespace fledge
