#include "data/datasets/annotation_files/text_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"

namespace fledge {
namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

template <class Number>
bool parse(const std::string& field, Number& value) {
  const std::string_view text = without_blanks(field);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

void add(TextRow row, std::vector<TextRow>& all) {
  if (all.size() == kMaxRows) row.refuse("a list may have " + std::to_string(kMaxRows) + " rows at most");
  all.push_back(std::move(row));
}

/// Reads one CSV file character by character.
class SeparatedReader {
 public:
  SeparatedReader(const std::string& path, char separator)
      : path_(std::make_shared<std::string>(path)), text_(read_annotation_file(path)), separator_(separator) {}

  std::vector<TextRow> rows() {
    std::vector<TextRow> all;
    while (at_ < text_.size()) {
      TextRow row(path_, line_);
      do {
        row.fields.push_back(field(row));
        if (row.fields.size() > kMaxFields) row.refuse("it has more than " + std::to_string(kMaxFields) + " fields");
      } while (take(separator_));
      const bool returned = take('\r');  // alone it ends a line too, as on old Macs
      if (!take('\n') && !returned && at_ < text_.size()) row.refuse("text stands after a closing quote");
      ++line_;
      if (row.fields.size() > 1 || !without_blanks(row.fields[0]).empty()) add(std::move(row), all);
    }
    return all;
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  void skip_blanks() {
    while (at_ < text_.size() && blank(text_[at_]) && text_[at_] != separator_ && !at_line_end()) ++at_;
  }
  /// Without blanks at its ends, but for those in quotes.
  std::string field(const TextRow& row) {
    skip_blanks();
    if (take('"')) {
      std::string value = quoted(row);
      skip_blanks();
      return value;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) ++at_;
    return std::string(without_blanks(std::string_view(text_).substr(start, at_ - start)));
  }
  std::string quoted(const TextRow& row) {
    std::string value;
    for (;; ++at_) {
      if (at_ == text_.size()) row.refuse("a quote is opened and never closed");
      if (text_[at_] == '"' && (at_ + 1 == text_.size() || text_[at_ + 1] != '"')) break;
      if (text_[at_] == '"') ++at_;  // two quotes are one
      line_ += text_[at_] == '\n';
      value += text_[at_];
    }
    ++at_;
    return value;
  }

  std::shared_ptr<const std::string> path_;
  std::string text_;
  char separator_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

std::string shortened(const std::string& text) { return text.size() <= 60 ? text : text.substr(0, 57) + "..."; }

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kNoBreak = "\xc2\xa0";
  for (;;) {
    if (!text.empty() && blank(text.front()))
      text.remove_prefix(1);
    else if (text.starts_with(kNoBreak))
      text.remove_prefix(kNoBreak.size());
    else
      break;
  }
  for (;;) {
    if (!text.empty() && blank(text.back()))
      text.remove_suffix(1);
    else if (text.ends_with(kNoBreak))
      text.remove_suffix(kNoBreak.size());
    else
      break;
  }
  return text;
}

std::string read_annotation_file(const std::string& path) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path + "': " + problem);
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) refuse("it does not exist");
  if (!std::filesystem::is_regular_file(status)) refuse("it is no file");
  constexpr std::uintmax_t kLimit = 64ull << 20;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(error.message());
  if (size > kLimit) refuse("it has " + std::to_string(size) + " bytes, too many for annotations");
  std::ifstream in(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in || static_cast<std::uintmax_t>(in.gcount()) != size) refuse("reading stopped early");
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path + "': it is UTF-16 text",
                "save it as UTF-8: iconv -f UTF-16 -t UTF-8");
  if (text.rfind("\xef\xbb\xbf", 0) == 0) text.erase(0, 3);
  return text;
}

std::string TextRow::where() const { return *path_ + ":" + std::to_string(line_); }

void TextRow::refuse(const std::string& problem, const std::string& hint) const {
  throw Error(ErrorKind::BadInput, "", where() + ": " + problem, hint);
}

std::int64_t TextRow::integer(std::size_t column, const char* what) const {
  std::int64_t value = 0;
  if (!parse(fields[column], value))
    refuse(std::string(what) + " '" + shortened(fields[column]) + "' is no whole number");
  return value;
}

double TextRow::number(std::size_t column, const char* what) const {
  double value = 0;
  if (!parse(fields[column], value) || !std::isfinite(value))
    refuse(std::string(what) + " '" + shortened(fields[column]) + "' is no number");
  return value;
}

std::vector<TextRow> read_blank_separated(const std::string& path, std::size_t columns) {
  const std::string text = read_annotation_file(path);
  const auto name = std::make_shared<const std::string>(path);
  std::vector<TextRow> all;
  std::int64_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view rest = without_blanks(std::string_view(text).substr(at, end - at));
    at = end + 1;
    ++number;
    if (rest.empty()) continue;
    TextRow row(name, number);
    while (!rest.empty() && row.fields.size() + 1 < columns) {
      const std::size_t stop = std::min(rest.find_first_of(" \t"), rest.size());
      row.fields.emplace_back(rest.substr(0, stop));
      rest = without_blanks(rest.substr(stop));
    }
    if (!rest.empty()) row.fields.emplace_back(rest);
    if (row.fields.size() < columns)
      row.refuse("it has " + std::to_string(row.fields.size()) + " fields instead of " + std::to_string(columns));
    add(std::move(row), all);
  }
  return all;
}

std::vector<TextRow> read_separated(const std::string& path, char separator) {
  return SeparatedReader(path, separator).rows();
}

}  // namespace fledge
