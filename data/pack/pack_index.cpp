#include "data/pack/pack_index.h"

#include <xxhash.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/json_file.h"

namespace fledge {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLine = 64 << 10;  // bounds what a hostile line can make the parser take
constexpr std::int64_t kMaxCount = std::int64_t{1} << 40;

/// "%" and, with `all`, every byte above 127 as %XX.
std::string escaped(const std::string& name, bool all) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '%' || (all && byte > 127)) {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out;
}

/// As a JSON string, which can only hold UTF-8.
std::string quoted(const std::string& name) {
  try {
    return Json(escaped(name, false)).dump();
  } catch (const Json::type_error&) {
    return Json(escaped(name, true)).dump();
  }
}

/// Reads the lines of an index one after the other.
class Lines {
 public:
  Lines(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(ErrorKind::BadInput, "",
                "cannot open pack '" + path_ + "': line " + std::to_string(line_) + " of its index: " + problem,
                "pack the pictures again");
  }

  Json next() {
    ++line_;
    const std::size_t end = text_.find('\n');
    if (end == std::string_view::npos) refuse("missing");
    if (end > kMaxLine) refuse("longer than " + std::to_string(kMaxLine) + " bytes");
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    Json value = parse_json(line);
    if (value.is_discarded()) refuse("not JSON");
    return value;
  }

  void finish() {
    if (!text_.empty()) refuse("more follows it");
  }

  std::int64_t whole(const Json& value, const char* what, std::int64_t low, std::int64_t high) const {
    if (value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                                   : value.is_number_integer()) {
      const std::int64_t v = value.get<std::int64_t>();
      if (v >= low && v <= high) return v;
    }
    refuse(std::string(what) + " is " + value.dump(-1, ' ', true).substr(0, 40) + ", not a whole number from " +
           std::to_string(low) + " to " + std::to_string(high));
  }

  std::string name(const Json& value) const {
    if (!value.is_string()) refuse("a name is not text");
    const std::string& text = value.get_ref<const std::string&>();
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        out += text[i];
        continue;
      }
      unsigned byte = 0;
      const char* digits = text.data() + i + 1;
      if (i + 3 > text.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
        refuse("a name has a % without two digits");
      out += static_cast<char>(byte);
      i += 2;
    }
    return out;
  }

 private:
  std::string_view text_;
  const std::string& path_;
  std::int64_t line_ = 0;
};

PackedPicture read_picture(Lines& lines, std::int64_t classes) {
  const DecodeLimits limits;
  const Json row = lines.next();
  if (!row.is_array() || row.size() < 6 || row.size() > 8) lines.refuse("a picture has 6 to 8 values");
  PackedPicture p;
  p.name = lines.name(row[0]);
  p.label = lines.whole(row[1], "the label", -1, classes - 1);
  p.super_class = lines.whole(row[2], "the super-class", -1, kMaxCount);
  p.width = static_cast<int>(lines.whole(row[3], "the width", 1, limits.max_side));
  p.height = static_cast<int>(lines.whole(row[4], "the height", 1, limits.max_side));
  if (std::int64_t{p.width} * p.height > limits.max_pixels) lines.refuse("the picture is too large");
  if (!row[5].is_number_unsigned()) lines.refuse("the checksum is not a whole number");
  p.checksum = row[5].get<std::uint64_t>();
  std::size_t values = row.size();
  if (values > 6 && row.back().is_string()) {
    const std::optional<Content> origin = content_from_text(row.back().get_ref<const std::string&>());
    if (!origin) lines.refuse("the hash of a picture's file is no 32 hexadecimal digits");
    p.origin = *origin;
    --values;
  }
  if (values == 6) return p;
  if (values == 8) lines.refuse("what follows the box is no hash of a file");
  const Json& box = row[6];
  if (!box.is_array() || box.size() != 4) lines.refuse("a box has 4 values");
  const int left = static_cast<int>(lines.whole(box[0], "the box's left side", 0, p.width - 1));
  const int top = static_cast<int>(lines.whole(box[1], "the box's top", 0, p.height - 1));
  p.box = PixelBox{left, top, static_cast<int>(lines.whole(box[2], "the box's width", 1, p.width - left)),
                   static_cast<int>(lines.whole(box[3], "the box's height", 1, p.height - top))};
  return p;
}

}  // namespace

std::uint64_t pack_checksum(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

std::string write_pack_index(const PackIndex& index) {
  Json head{
      {"classes", index.class_names.size()}, {"pictures", index.pictures.size()}, {"short_side", index.short_side}};
  if (index.turned) head["exif"] = *index.turned ? "applied" : "ignored";
  std::string text = head.dump() + "\n";
  for (const std::string& name : index.class_names) text += quoted(name) + "\n";
  for (const PackedPicture& p : index.pictures) {
    text += "[" + quoted(p.name);
    for (const std::int64_t v : {p.label, p.super_class, std::int64_t{p.width}, std::int64_t{p.height}})
      text += "," + std::to_string(v);
    text += "," + std::to_string(p.checksum);
    if (p.box) text += "," + Json{p.box->left, p.box->top, p.box->width, p.box->height}.dump();
    if (p.origin.known()) text += ",\"" + to_text(p.origin) + "\"";
    text += "]\n";
  }
  return text;
}

PackIndex read_pack_index(std::string_view text, const std::string& path, std::uint64_t file_bytes) {
  Lines lines(text, path);
  const Json head = lines.next();
  if (!head.is_object() || !head.contains("classes") || !head.contains("pictures") || !head.contains("short_side"))
    lines.refuse("it has to give classes, pictures and short_side");
  PackIndex index;
  const std::int64_t classes = lines.whole(head["classes"], "classes", 0, kMaxCount);
  const std::int64_t pictures = lines.whole(head["pictures"], "pictures", 0, kMaxCount);
  index.short_side = static_cast<int>(lines.whole(head["short_side"], "short_side", 0, DecodeLimits{}.max_side));
  if (head.contains("exif")) {
    if (head["exif"] != "applied" && head["exif"] != "ignored") lines.refuse("exif is neither applied nor ignored");
    index.turned = head["exif"] == "applied";
  }
  const std::uint64_t needed = static_cast<std::uint64_t>(classes) * sizeof(std::string) +
                               static_cast<std::uint64_t>(pictures) * (sizeof(PackedPicture) + sizeof(std::uint64_t));
  constexpr std::uint64_t kSmall = 64 << 20;
  if (static_cast<std::uint64_t>(classes) > text.size() || static_cast<std::uint64_t>(pictures) > text.size() ||
      needed > file_bytes + kSmall)
    lines.refuse("it gives " + std::to_string(classes) + " classes and " + std::to_string(pictures) +
                 " pictures, which a pack of its size does not hold");
  index.class_names.reserve(static_cast<std::size_t>(classes));
  index.pictures.reserve(static_cast<std::size_t>(pictures));
  for (std::int64_t c = 0; c < classes; ++c) index.class_names.push_back(lines.name(lines.next()));
  for (std::int64_t i = 0; i < pictures; ++i) index.pictures.push_back(read_picture(lines, classes));
  lines.finish();
  return index;
}

}  // namespace fledge
