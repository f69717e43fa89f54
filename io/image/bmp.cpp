// BMP: headers are read and held against the file here, pixels by stb_image, which does not notice a file that ends early.
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "io/image/formats.h"

namespace fledge {

namespace {

constexpr std::size_t kFileHeader = 14, kInfoHeader = 40, kMasks = 12;
constexpr std::uint32_t kPlain = 0, kBitFields = 3;

struct BmpHeader {
  std::uint32_t size, pixels_at, compression;
  std::int64_t width, height, bits;  // height: above 0 also where rows are stored top to bottom

  bool core() const { return size == 12; }  // OS/2: 16-bit sizes
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
  if (!h.core() && (h.size < kInfoHeader || file.size < kFileHeader + kInfoHeader))
    bad_image(file.name, "the BMP is corrupt: header of " + std::to_string(h.size) + " bytes");
  // Widened before the choice: the common type of both sides would be unsigned, and a negative height huge.
  const auto size_at = [&](std::size_t at) -> std::int64_t { return static_cast<std::int32_t>(file.little32(at)); };
  h.width = h.core() ? std::int64_t{file.little16(18)} : size_at(18);
  h.height = h.core() ? std::int64_t{file.little16(20)} : size_at(22);
  if (h.height < 0) h.height = -h.height;
  h.bits = file.little16(h.core() ? 24 : 28);
  h.compression = h.core() ? kPlain : file.little32(30);
  return h;
}

/// The masks of red, green and blue: behind a short header, or within a long one.
std::optional<std::array<std::uint32_t, 3>> masks(const ImageBytes& file, const BmpHeader& h) {
  if (h.compression != kBitFields) return std::nullopt;
  if (file.size < kFileHeader + kInfoHeader + kMasks) bad_image(file.name, "the BMP is truncated: it has no masks");
  return std::array{file.little32(54), file.little32(58), file.little32(62)};
}

/// stb_image reads the masks of 52- and 56-byte headers from the wrong place, and stumbles over a colour table beside
/// pixels that need none.
bool stb_misreads(const BmpHeader& h) {
  if (h.bits < 16 || h.core()) return false;
  const bool masks_behind = h.size == kInfoHeader && h.compression == kBitFields;
  return h.size == 52 || h.size == 56 || h.pixels_at != kFileHeader + h.size + (masks_behind ? kMasks : 0);
}

/// The same picture with nothing but a 40-byte header, masks and pixels.
std::vector<std::uint8_t> plain_copy(const ImageBytes& file, const BmpHeader& h) {
  const std::size_t start = kFileHeader + kInfoHeader + (h.compression == kBitFields ? kMasks : 0);
  std::vector<std::uint8_t> copy(start);
  std::memcpy(copy.data(), file.data, start);
  const auto put = [&](std::size_t at, std::uint32_t value) {
    for (int byte = 0; byte < 4; ++byte) copy[at + byte] = static_cast<std::uint8_t>(value >> 8 * byte);
  };
  put(10, static_cast<std::uint32_t>(start));
  put(14, kInfoHeader);
  put(46, 0);  // colours of the table
  const std::uint8_t* pixels = file.data + h.pixels_at;
  copy.insert(copy.end(), pixels, pixels + h.pixel_bytes());
  return copy;
}

/// From stb's spreading of 5 or 6 bits over 8, which repeats the upper ones, to Pillow's v * 255 / 31, rounded down.
void spread_as_pillow(Image& image, const std::array<std::uint32_t, 3>& mask) {
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
  const bool copied = stb_misreads(h);
  check_memory(file, h.width, h.height, 6 + (copied ? static_cast<int>((h.bits + 7) / 8) : 0),
               limits);  // stb's and ours
  if (h.compression != kPlain && h.compression != kBitFields)
    bad_image(file.name, "the BMP is compressed, which is not supported", "convert it to PNG");
  const std::int64_t needed = h.pixels_at + h.pixel_bytes();
  if (needed > static_cast<std::int64_t>(file.size))
    bad_image(file.name,
              "the BMP is truncated: " + std::to_string(file.size) + " of " + std::to_string(needed) + " bytes");
  const auto fields = masks(file, h);
  std::vector<std::uint8_t> plain;
  if (copied) plain = plain_copy(file, h);
  Image image = decode_with_stb(copied ? ImageBytes{plain.data(), plain.size(), file.name} : file);
  if (h.bits == 16) spread_as_pillow(image, fields.value_or(std::array{0x7c00u, 0x3e0u, 0x1fu}));
  return image;
}

}  // namespace fledge
