// BMP: header, palette and masks are read and held against the file here. stb_image decodes the pixels behind a header
// that it reads without fault: of its own accord it leaves palette entries unset, which become whatever lay in memory,
// reads the masks of some headers from the wrong place, and does not notice a file that ends early.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "io/image/formats.h"

namespace fledge {
namespace {

constexpr std::size_t kFileHeader = 14, kInfoHeader = 40;
constexpr std::uint32_t kPlain = 0, kBitFields = 3;

struct BmpHeader {
  std::uint32_t size, pixels_at, compression, colors;
  std::int64_t width, height, bits;
  bool top_down;

  bool core() const { return size == 12; }  // OS/2: 16-bit sizes, palette entries of 3 bytes
  bool palette() const { return bits <= 8; }
  std::int64_t pixel_bytes() const { return (width * bits + 31) / 32 * 4 * height; }
};

BmpHeader read_header(const ImageBytes& file) {
  if (file.size > (1u << 30))
    bad_image(file.name, "the file has " + std::to_string(file.size) + " bytes, the limit is 1 GiB");
  if (file.size < 26)
    bad_image(file.name, "the BMP is truncated: it ends after " + std::to_string(file.size) + " bytes");
  BmpHeader h{};
  h.pixels_at = file.little32(10);
  h.size = file.little32(14);
  const bool known =
      h.core() || h.size == 40 || h.size == 52 || h.size == 56 || h.size == 64 || h.size == 108 || h.size == 124;
  if (!known || (!h.core() && file.size < kFileHeader + kInfoHeader))
    bad_image(file.name, "the BMP is corrupt: header of " + std::to_string(h.size) + " bytes");
  // Widened before the choice: the common type of both sides would be unsigned, and a negative height huge.
  const auto size_at = [&](std::size_t at) -> std::int64_t { return static_cast<std::int32_t>(file.little32(at)); };
  h.width = h.core() ? std::int64_t{file.little16(18)} : size_at(18);
  h.height = h.core() ? std::int64_t{file.little16(20)} : size_at(22);
  h.top_down = h.height < 0;
  if (h.top_down) h.height = -h.height;
  h.bits = file.little16(h.core() ? 24 : 28);
  h.compression = h.core() ? kPlain : file.little32(30);
  h.colors = h.core() ? 0 : file.little32(46);
  return h;
}

void check_kind(const ImageBytes& file, const BmpHeader& h) {
  const bool fields = h.compression == kBitFields && h.size != 64 && (h.bits == 16 || h.bits == 32);
  if (h.compression != kPlain && !fields)
    bad_image(file.name, "the BMP is compressed, which is not supported", "convert it to PNG");
  for (const int known : {1, 4, 8, 16, 24, 32})
    if (h.bits == known) return;
  bad_image(file.name, "the BMP is corrupt: " + std::to_string(h.bits) + " bits a pixel");
}

using Masks = std::array<std::uint32_t, 3>;  // of red, green and blue

/// Behind a short header, or within a long one: the same place.
Masks masks_of(const ImageBytes& file, const BmpHeader& h) {
  if (h.compression != kBitFields) return {0x7c00, 0x3e0, 0x1f};
  if (file.size < 66) bad_image(file.name, "the BMP is truncated: it has no masks");
  return {file.little32(54), file.little32(58), file.little32(62)};
}

void append32(std::vector<std::uint8_t>& to, std::uint32_t value) {
  for (int byte = 0; byte < 4; ++byte) to.push_back(static_cast<std::uint8_t>(value >> 8 * byte));
}

/// A header of 40 bytes, masks where there are any, a whole palette where there is one: colours that the file does not
/// name are black, as in Pillow.
std::vector<std::uint8_t> plain_head(const ImageBytes& file, const BmpHeader& h, const Masks& masks) {
  std::vector<std::uint8_t> head = {'B', 'M'};
  const std::size_t entries = h.palette() ? std::size_t{1} << h.bits : 0;
  const std::size_t size = kFileHeader + kInfoHeader + (h.compression == kBitFields ? 12 : 0) + 4 * entries;
  for (const std::uint32_t v :
       {std::uint32_t{0}, std::uint32_t{0}, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(kInfoHeader),
        static_cast<std::uint32_t>(h.width), static_cast<std::uint32_t>(h.top_down ? -h.height : h.height),
        static_cast<std::uint32_t>(1 | h.bits << 16), h.compression})
    append32(head, v);
  head.resize(kFileHeader + kInfoHeader);
  if (h.compression == kBitFields)
    for (const std::uint32_t mask : masks) append32(head, mask);
  const std::size_t bytes = h.core() ? 3 : 4, start = kFileHeader + h.size;
  const std::size_t named = h.colors ? std::min<std::size_t>(h.colors, entries) : entries;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = start + i * bytes;
    const bool there = i < named && at + bytes <= std::min<std::size_t>(file.size, h.pixels_at);
    for (std::size_t c = 0; c < 3; ++c) head.push_back(there ? file.data[at + c] : 0);
    head.push_back(0);
  }
  return head;
}

/// From stb's spreading of 5 or 6 bits over 8, which repeats the upper ones, to Pillow's v * 255 / 31, rounded down.
void spread_as_pillow(Image& image, const Masks& mask) {
  std::array<std::array<std::uint8_t, 256>, 3> table{};
  for (std::size_t c = 0; c < 3; ++c) {
    const int bits = std::popcount(mask[c]);
    if (bits < 1 || bits > 8) return;
    const int most = (1 << bits) - 1;
    for (int v = 0; v < 256; ++v) table[c][v] = static_cast<std::uint8_t>((v >> (8 - bits)) * 255 / most);
  }
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = table[i % 3][image.rgb[i]];
}

}  // namespace

Image decode_bmp(const ImageBytes& file, const DecodeLimits& limits) {
  const BmpHeader h = read_header(file);
  check_dimensions(file.name, h.width, h.height, limits);
  check_memory(file, h.width, h.height, 6, limits);  // stb's pixels and ours
  check_kind(file, h);
  const std::int64_t needed = h.pixels_at + h.pixel_bytes();
  if (needed > static_cast<std::int64_t>(file.size))
    bad_image(file.name,
              "the BMP is truncated: " + std::to_string(file.size) + " of " + std::to_string(needed) + " bytes");
  const Masks masks = masks_of(file, h);
  const std::vector<std::uint8_t> head = plain_head(file, h, masks);
  Image image = decode_with_stb(file.name, head, {file.data + h.pixels_at, static_cast<std::size_t>(h.pixel_bytes())});
  if (h.bits == 16) spread_as_pillow(image, masks);
  return image;
}

}  // namespace fledge
