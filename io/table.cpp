#include "io/table.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/escape.h"
#include "base/hex.h"
#include "io/file.h"
#include "io/label_numbers.h"

namespace fledge {
namespace {

constexpr const char *kHeader = "path\tlabel", *kContentHeader = "path\tlabel\tcontent";

[[noreturn]] void refuse(const std::string& path, std::size_t line, const std::string& problem,
                         const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "",
              "cannot read table '" + path + "', line " + std::to_string(line) + ": " + problem, hint);
}

/// Without spaces at the ends, those that do not break (U+00A0) among them.
std::string trimmed(std::string_view text) {
  constexpr std::string_view kUnbroken = "\xc2\xa0";
  for (;;) {
    if (text.starts_with(' '))
      text.remove_prefix(1);
    else if (text.ends_with(' '))
      text.remove_suffix(1);
    else if (text.starts_with(kUnbroken))
      text.remove_prefix(2);
    else if (text.ends_with(kUnbroken))
      text.remove_suffix(2);
    else
      return std::string(text);
  }
}

bool is_content(std::string_view text) {
  if (text.empty()) return true;
  if (text.starts_with("pixels:")) text.remove_prefix(7);
  return is_hex(text, 32);
}

/// The cells of a row, which must be as many as the header's.
std::vector<std::string> cells_of(const std::string& row, std::size_t columns, const std::string& path,
                                  std::size_t line) {
  std::vector<std::string> cells;
  for (std::size_t at = 0; at <= row.size();) {
    const std::size_t tab = std::min(row.find('\t', at), row.size());
    cells.push_back(row.substr(at, tab - at));
    at = tab + 1;
    if (cells.size() > columns) refuse(path, line, "more than " + std::to_string(columns) + " columns");
  }
  if (cells.size() < columns)
    refuse(path, line,
           std::to_string(cells.size()) + (cells.size() == 1 ? " column" : " columns") + " instead of " +
               std::to_string(columns),
           "columns are separated by one tab");
  return cells;
}

}  // namespace

LabelTable load_table(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxBytes);
  return parse_table({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

LabelTable parse_table(std::string_view text, const std::string& path) {
  LabelTable table;
  std::size_t line = 0, columns = 2;
  for (std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string row(text.substr(at, end - at));
    at = end + 1;
    ++line;
    if (!row.empty() && row.back() == '\r') row.pop_back();
    if (line == 1) {
      if (trimmed(row) == kContentHeader) columns = 3;
      if (trimmed(row) != kHeader && columns == 2)
        refuse(path, 1, "the first line must be path<TAB>label, it is '" + row.substr(0, 60) + "'",
               "a third column may be content");
      continue;
    }
    const std::vector<std::string> cells = cells_of(row, columns, path, line);
    table.paths.push_back(unescaped(cells[0]));
    table.labels.push_back(unescaped_cell(trimmed(cells[1])));
    if (columns == 2) continue;
    table.contents.push_back(trimmed(cells[2]));
    if (!is_content(table.contents.back()))
      refuse(path, line, "'" + cells[2].substr(0, 60) + "' is no content",
             "it is the XXH3-128 of the picture's file, 32 hexadecimal digits, or nothing");
  }
  if (line == 0) refuse(path, 1, "the file is empty", "the first line must be path<TAB>label");
  return table;
}

void refuse_doubled_numbers(const std::vector<std::pair<std::string, const std::vector<std::string>*>>& tables) {
  LabelNumbers numbers;
  std::size_t begin = 0;  // of this table's rows among all
  for (auto table = tables.begin(); table != tables.end(); begin += table++->second->size())
    for (std::size_t row = 0; row < table->second->size(); ++row) {
      const std::string& label = (*table->second)[row];
      const LabelNumbers::Met* before = numbers.other_spelling(label, begin + row);
      if (!before) continue;
      std::size_t line = before->place + 2;
      auto earlier = tables.begin();
      for (; line - 2 >= earlier->second->size(); ++earlier) line -= earlier->second->size();
      refuse(table->first, row + 2,
             LabelNumbers::problem(
                 label, *before,
                 "line " + std::to_string(line) + (earlier == table ? "" : " of '" + earlier->first + "'")),
             LabelNumbers::kHint);
    }
}

void refuse_blank_labels(const std::string& path, const LabelTable& table) {
  const auto blank = std::find(table.labels.begin(), table.labels.end(), "");
  if (blank == table.labels.end()) return;
  const auto row = static_cast<std::size_t>(blank - table.labels.begin());
  refuse(path, row + 2, "row " + std::to_string(row + 1) + " has no label",
         std::to_string(std::count(table.labels.begin(), table.labels.end(), "")) +
             " rows have none and would count as one class: give each its class, or leave the rows out");
}

void refuse_doubled_paths(const std::string& path, const LabelTable& table) {
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t row = 0; row < table.paths.size(); ++row)
    if (const auto [before, fresh] = first.emplace(table.paths[row], row); !fresh)
      refuse(path, row + 2, "'" + table.paths[row] + "' is there before, in line " + std::to_string(before->second + 2),
             "a picture's rows would find each other: keep one, or give them paths of their own (a/1.jpg#2)");
}

std::string table_text(const LabelTable& table) {
  const bool contents = !table.contents.empty();
  if (table.paths.size() != table.labels.size() || (contents && table.contents.size() != table.paths.size()))
    throw Error(ErrorKind::Usage, "save_table",
                std::to_string(table.paths.size()) + " paths but " + std::to_string(table.labels.size()) +
                    " labels and " + std::to_string(table.contents.size()) + " contents");
  std::string text = std::string(contents ? kContentHeader : kHeader) + "\n";
  for (std::size_t i = 0; i < table.paths.size(); ++i) {
    text += escaped_for_line(table.paths[i]) + "\t" + escaped_for_cell(table.labels[i]);
    text += contents ? "\t" + table.contents[i] + "\n" : "\n";
  }
  return text;
}

void save_table(const std::string& path, const LabelTable& table) { write_file_atomic(path, table_text(table)); }

}  // namespace fledge
