// Reads the text files that annotate data sets: fields between blanks, or CSV and TSV with quotes (RFC 4180). Every
// complaint names file and line.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fledge {

/// The whole file, without a byte-order mark. Errors (BadInput): missing, not a
/// file, unreadable, more than 64 MiB, UTF-16.
std::string read_annotation_file(const std::string& path);
/// Without spaces, tabs and the like at its ends, no-break spaces too.
std::string_view without_blanks(std::string_view text);

/// At most 60 bytes of a text, for messages.
std::string shortened(const std::string& text);

/// A row of fields, and where it stands.
class TextRow {
 public:
  TextRow(std::shared_ptr<const std::string> path, std::int64_t line) : path_(std::move(path)), line_(line) {}

  std::vector<std::string> fields;

  std::int64_t line() const { return line_; }
  std::string where() const;  // "FILE:LINE"
  [[noreturn]] void refuse(const std::string& problem, const std::string& hint = "") const;
  /// The field as a number, or a complaint that calls it `what`.
  std::int64_t integer(std::size_t column, const char* what) const;
  double number(std::size_t column, const char* what) const;

 private:
  std::shared_ptr<const std::string> path_;
  std::int64_t line_;
};

/// At most so many rows, and so many fields in one of them, are read (BadInput); the largest set here has 120,053 rows.
constexpr std::size_t kMaxRows = 4'000'000, kMaxFields = 1024;

/// Rows of fields between blanks; empty lines are left out. The last of `columns` fields takes the rest of its line, so
/// names may hold blanks. Fewer fields are refused.
std::vector<TextRow> read_blank_separated(const std::string& path, std::size_t columns);

/// Rows of fields between `separator`s, without blanks at the fields' ends. "..." may hold separators, line ends,
/// blanks at its ends and "" for a quote. A line ends with LF, CR LF or CR. Empty lines are left out. Errors
/// (BadInput): text after a closing quote, a quote that is never closed.
std::vector<TextRow> read_separated(const std::string& path, char separator);

}  // namespace fledge
