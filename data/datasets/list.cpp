#include "data/datasets/list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "data/datasets/annotation_files/text_file.h"
#include "io/label_numbers.h"

namespace fledge {
namespace {

constexpr std::array kColumns = {"path", "label", "split", "x", "y", "width", "height", "super_class"};
enum Column { Path, Label, Split, X, Y, Width, Height, SuperClass, Columns };

/// Where each known column stands in the list; -1: absent.
using Places = std::array<int, Columns>;

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lowered;
}

std::string lower_extension(const std::string& path) { return lower(std::filesystem::path(path).extension().string()); }

/// The first line as it stands, for messages.
std::string quoted_line(const TextRow& row) {
  std::string text;
  for (const std::string& field : row.fields) text += (text.empty() ? "'" : "', '") + field;
  return shortened(text) + "'";
}

/// A separator that the first line seems to have instead of its own.
std::string other_separator(const TextRow& header, char separator) {
  if (header.fields.size() != 1) return "";
  for (const char c : {';', '\t', ',', '|'})
    if (c != separator && header.fields[0].find(c) != std::string::npos)
      return std::string("; fields must stand between ") + (separator == '\t' ? "tabs" : "commas") + ", not '" +
             (c == '\t' ? std::string("\\t") : std::string(1, c)) + "'";
  return "";
}

Places find_columns(const TextRow& header, char separator) {
  Places places;
  places.fill(-1);
  for (std::size_t f = 0; f < header.fields.size(); ++f) {
    const auto known = std::find(kColumns.begin(), kColumns.end(), lower(without_blanks(header.fields[f])));
    if (known == kColumns.end()) continue;
    int& place = places[static_cast<std::size_t>(known - kColumns.begin())];
    if (place >= 0) header.refuse("the column '" + header.fields[f] + "' is there twice");
    place = static_cast<int>(f);
  }
  for (const Column c : {Path, Label})
    if (places[c] < 0)
      header.refuse("the first line names no column '" + std::string(kColumns[c]) + "': it is " + quoted_line(header),
                    "it must name at least path and label" + other_separator(header, separator));
  const auto boxed = std::count_if(places.begin() + X, places.begin() + SuperClass, [](int p) { return p >= 0; });
  if (boxed != 0 && boxed != 4) header.refuse("a box needs all of the columns x, y, width and height");
  return places;
}

class Row {
 public:
  Row(const TextRow& row, const Places& places) : row_(row), places_(places) {}

  const std::string& text(Column c) const {
    static const std::string nothing;
    return places_[c] < 0 ? nothing : row_.fields[static_cast<std::size_t>(places_[c])];
  }
  double number(Column c) const { return row_.number(static_cast<std::size_t>(places_[c]), kColumns[c]); }

  SplitPart part() const {
    if (places_[Split] < 0) return SplitPart::All;
    const std::string part = lower(without_blanks(text(Split)));
    if (part == "train") return SplitPart::Train;
    if (part == "test") return SplitPart::Test;
    row_.refuse("split is '" + text(Split) + "'", "write train or test");
  }
  std::optional<PixelBox> box() const {
    if (text(X).empty() && text(Y).empty() && text(Width).empty() && text(Height).empty()) return std::nullopt;
    const double x = number(X), y = number(Y);
    return covering_box(x, y, x + number(Width), y + number(Height), row_.where());
  }
  std::int64_t super_class() const {
    if (text(SuperClass).empty()) return -1;
    const std::int64_t id = row_.integer(static_cast<std::size_t>(places_[SuperClass]), kColumns[SuperClass]);
    if (id < 0) row_.refuse("super_class " + std::to_string(id) + " is below 0");
    return id;
  }
  std::string label() const { return std::string(without_blanks(text(Label))); }
  /// The picture; its class id is filled in once all labels are known.
  AnnotatedImage image() const {
    for (const Column c : {Path, Label}) {
      if (without_blanks(text(c)).empty()) row_.refuse(std::string(kColumns[c]) + " is empty");
      if (text(c).find('\0') != std::string::npos) row_.refuse(std::string(kColumns[c]) + " holds a zero byte");
    }
    return {.file = text(Path), .part = part(), .box = box(), .super_class = super_class()};
  }

 private:
  const TextRow& row_;
  const Places& places_;
};

void check_width(const TextRow& row, std::size_t width) {
  if (row.fields.size() != width)
    row.refuse("it has " + std::to_string(row.fields.size()) + " fields, the first line has " + std::to_string(width));
}

/// Refuses labels that are one number written in two ways: one class or two?
void check_numbers(const std::vector<TextRow>& rows, const Places& places) {
  LabelNumbers numbers;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string label = Row(rows[r], places).label();
    if (const LabelNumbers::Met* before = numbers.other_spelling(label, r))
      rows[r].refuse(LabelNumbers::problem(label, *before, "line " + std::to_string(rows[before->place].line())),
                     LabelNumbers::kHint);
  }
}

}  // namespace

bool is_list(const std::string& path) {
  const std::string extension = lower_extension(path);
  return extension == ".csv" || extension == ".tsv";
}

Annotations read_list(const std::string& path) {
  const char separator = lower_extension(path) == ".tsv" ? '\t' : ',';
  const std::vector<TextRow> rows = read_separated(path, separator);
  if (rows.empty()) throw Error(ErrorKind::BadInput, "", "list '" + path + "' is empty");
  const Places places = find_columns(rows[0], separator);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  Annotations a{.layout = "list", .source = path, .root = folder.empty() ? "." : folder.string()};
  a.has_parts = places[Split] >= 0;

  const std::filesystem::path top = std::filesystem::absolute(a.root);
  std::map<std::string, std::int64_t> ids;  // sorted: the ids are ranks
  std::unordered_map<std::string, std::int64_t> line_of;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    check_width(rows[r], rows[0].fields.size());
    const Row row(rows[r], places);
    a.images.push_back(row.image());
    ids.emplace(row.label(), 0);
    const auto [before, added] = line_of.emplace((top / row.text(Path)).lexically_normal().string(), rows[r].line());
    if (!added) rows[r].refuse("'" + row.text(Path) + "' is there before, in line " + std::to_string(before->second));
  }
  check_numbers(rows, places);
  for (auto& [label, id] : ids) {
    id = static_cast<std::int64_t>(a.class_names.size());
    a.class_names[id] = label;
  }
  for (std::size_t r = 1; r < rows.size(); ++r) a.images[r - 1].class_id = ids[Row(rows[r], places).label()];
  check_super_classes(a);
  return a;
}

}  // namespace fledge
