#include "io/image/orientation.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "io/image/resize.h"

namespace fledge {
namespace {

using Text = std::string_view;
using namespace std::string_view_literals;

constexpr Text kExif = "Exif\0\0"sv, kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr int kOrientationTag = 0x0112;

/// What a file says of itself, as its format keeps it.
struct Metadata {
  std::string exif;  // a TIFF structure
  std::string xmp;
};

/// Numbers of a TIFF structure, in its own byte order.
class Tiff {
 public:
  explicit Tiff(Text bytes) : bytes_(bytes), big_(bytes.starts_with("MM")) {}
  bool valid() const { return bytes_.starts_with("II*\0"sv) || bytes_.starts_with("MM\0*"sv); }
  bool holds(std::uint64_t at, std::uint64_t size) const { return at <= bytes_.size() && size <= bytes_.size() - at; }
  std::uint32_t number(std::uint64_t at, int size) const {
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + static_cast<std::uint64_t>(big_ ? i : size - 1 - i)]);
    return value;
  }

 private:
  Text bytes_;
  bool big_;
};

/// The tag's value in the first directory; 0: absent or damaged. A later entry counts more than an earlier one.
int tag_of(Text exif) {
  while (exif.starts_with(kExif)) exif.remove_prefix(kExif.size());
  const Tiff tiff(exif);
  if (!tiff.valid() || !tiff.holds(4, 4)) return 0;
  const std::uint64_t directory = tiff.number(4, 4);
  if (!tiff.holds(directory, 2)) return 0;
  int found = 0;
  const std::uint32_t entries = tiff.number(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::uint64_t at = directory + 2 + std::uint64_t{12} * i;
    if (!tiff.holds(at, 12)) break;
    if (tiff.number(at, 2) != kOrientationTag) continue;
    const std::uint32_t type = tiff.number(at + 2, 2), count = tiff.number(at + 4, 4);
    const int bytes = type == 3 || type == 8 ? 2 : type == 4 || type == 9 ? 4 : 0;  // SHORT, SSHORT, LONG, SLONG
    if (count != 1 || bytes == 0) continue;
    const std::uint32_t value = tiff.number(at + 8, bytes);
    found = value <= 8 ? static_cast<int>(value) : 1;
  }
  return found;
}

/// tiff:Orientation="6" or <tiff:Orientation>6<.
int tag_of_xmp(Text xmp) {
  constexpr Text key = "tiff:Orientation";
  for (std::size_t at = 0; (at = xmp.find(key, at)) != Text::npos;) {
    Text rest = xmp.substr(at += key.size());
    if (!rest.starts_with("=\"") && !rest.starts_with('>')) continue;
    rest.remove_prefix(rest[0] == '=' ? 2 : 1);
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return 0;
}

Metadata jpeg_metadata(Text file) {
  Metadata found;
  std::size_t at = 2;
  while (at + 4 <= file.size()) {
    if (file[at] != '\xff') {  // stray bytes, as the decoder passes over them
      ++at;
      continue;
    }
    const unsigned marker = static_cast<unsigned char>(file[at + 1]);
    if (marker == 0xff || marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker == 0xff ? 1 : 2;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;  // the pixels begin, or the end
    const std::size_t length = static_cast<unsigned char>(file[at + 2]) << 8 | static_cast<unsigned char>(file[at + 3]);
    if (length < 2 || length > file.size() - at - 2) break;
    const Text segment = file.substr(at + 4, length - 2);
    if (marker == 0xe1 && segment.starts_with(kExif)) found.exif += segment.substr(kExif.size());
    if (marker == 0xe1 && segment.starts_with(kXmp)) found.xmp = segment.substr(kXmp.size());
    at += 2 + length;
  }
  return found;
}

/// What a zlib stream of at most a MiB unfolds to; "" where it is more, or damaged.
std::string unfolded(Text packed) {
  constexpr uLongf kMost = 1 << 20;
  std::string out(kMost, '\0');
  uLongf size = kMost;
  const int result = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                                  reinterpret_cast<const Bytef*>(packed.data()), static_cast<uLong>(packed.size()));
  out.resize(result == Z_OK ? size : 0);
  return out;
}

/// A text chunk's text where its keyword is `key`: tEXt as it is, zTXt and iTXt as packed.
std::optional<std::string> text_under(Text key, Text type, Text chunk) {
  if (!chunk.starts_with(key) || chunk.size() <= key.size() || chunk[key.size()] != '\0') return std::nullopt;
  Text rest = chunk.substr(key.size() + 1);
  if (type == "tEXt") return std::string(rest);
  if (type == "zTXt") return rest.starts_with('\0') ? std::optional(unfolded(rest.substr(1))) : std::nullopt;
  if (rest.size() < 2) return std::nullopt;  // iTXt: packed or not, the method, language, translated keyword
  const bool packed = rest[0] == '\1';
  rest.remove_prefix(2);
  for (int i = 0; i < 2; ++i) {
    const std::size_t end = rest.find('\0');
    if (end == Text::npos) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
  return packed ? unfolded(rest) : std::string(rest);
}

/// As ImageMagick writes it: an empty line, "exif", the length, then lines of hexadecimal digits.
std::string raw_profile(const std::string& text) {
  std::size_t at = 0;
  for (int line = 0; line < 3; ++line) {
    at = text.find('\n', at);
    if (at == std::string::npos) return "";
    ++at;
  }
  std::string bytes;
  int high = -1;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 && c != '\n' && c != '\r' && c != ' ') return "";
    if (digit < 0) continue;
    if (high >= 0) bytes += static_cast<char>(high << 4 | digit);
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

Metadata png_metadata(const ImageBytes& file, Text text) {
  Metadata found;
  std::string profile;
  for (std::size_t at = 8; at + 12 <= file.size;) {
    const std::uint32_t length = file.big32(at);
    if (length > file.size - at - 12) break;
    const Text type = text.substr(at + 4, 4), chunk = text.substr(at + 8, length);
    if (type == "eXIf") found.exif = chunk;
    if (type == "tEXt" || type == "zTXt" || type == "iTXt") {
      if (const auto raw = text_under("Raw profile type exif", type, chunk)) profile = raw_profile(*raw);
      if (const auto xmp = text_under("XML:com.adobe.xmp", type, chunk)) found.xmp = *xmp;
    }
    at += 12 + std::size_t{length};
  }
  if (found.exif.empty()) found.exif = profile;
  return found;
}

Metadata webp_metadata(const ImageBytes& file, Text text) {
  Metadata found;
  for (std::size_t at = 12; at + 8 <= file.size;) {
    const std::uint32_t length = file.little32(at + 4);
    if (length > file.size - at - 8) break;
    if (text.substr(at, 4) == "EXIF" && found.exif.empty()) found.exif = text.substr(at + 8, length);
    if (text.substr(at, 4) == "XMP " && found.xmp.empty()) found.xmp = text.substr(at + 8, length);
    at += 8 + std::size_t{length} + (length & 1);
  }
  return found;
}

/// Rows become columns. `to(x, y)` in the new picture comes from (y, x) of the old one, each counted from the end where
/// said so. In squares, so that both pictures stay in the cache.
Image transposed(const Image& from, bool x_from_end, bool y_from_end) {
  constexpr int kSquare = 32;
  Image to{from.height, from.width, std::vector<std::uint8_t>(from.rgb.size())};
  for (int top = 0; top < from.height; top += kSquare)
    for (int left = 0; left < from.width; left += kSquare)
      for (int y = top; y < std::min(top + kSquare, from.height); ++y)
        for (int x = left; x < std::min(left + kSquare, from.width); ++x) {
          const int row = y_from_end ? from.width - 1 - x : x, column = x_from_end ? from.height - 1 - y : y;
          std::memcpy(to.row(row) + 3 * column, from.row(y) + 3 * x, 3);
        }
  return to;
}

void flip_vertical(Image& image) {
  for (int a = 0, b = image.height - 1; a < b; ++a, --b)
    std::swap_ranges(image.row(a), image.row(a) + static_cast<std::size_t>(image.width) * 3, image.row(b));
}

}  // namespace

int orientation_of(const ImageBytes& file, ImageFormat format) {
  const Text text(reinterpret_cast<const char*>(file.data), file.size);
  Metadata found;
  if (format == ImageFormat::Jpeg) found = jpeg_metadata(text);
  if (format == ImageFormat::Png) found = png_metadata(file, text);
  if (format == ImageFormat::WebP) found = webp_metadata(file, text);
  int value = tag_of(found.exif);
  if (value == 0) value = tag_of_xmp(found.xmp);
  return value >= 1 && value <= 8 ? value : 1;
}

PixelBox box_upright(const PixelBox& b, int width, int height, int orientation) {
  const bool x_from_end = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool y_from_end = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int x = x_from_end ? width - b.left - b.width : b.left, y = y_from_end ? height - b.top - b.height : b.top;
  return on_its_side(orientation) ? PixelBox{y, x, b.height, b.width} : PixelBox{x, y, b.width, b.height};
}

PixelBox box_as_stored(const PixelBox& b, int width, int height, int orientation) {
  // 6 and 8, a quarter turn to either side, undo each other; every other orientation undoes itself.
  const int back = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
  return on_its_side(orientation) ? box_upright(b, height, width, back) : box_upright(b, width, height, back);
}

void turn_upright(Image& image, int orientation) {
  if (orientation == 2 || orientation == 3) flip_horizontal(image);
  if (orientation == 3 || orientation == 4) flip_vertical(image);
  if (on_its_side(orientation))
    image = transposed(image, orientation == 6 || orientation == 7, orientation == 7 || orientation == 8);
}

}  // namespace fledge
