// Pictures: 8-bit RGB, row-major, three bytes a pixel. Decoding equals Pillow's open(...).convert("RGB").
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // height * width * 3

  bool empty() const { return rgb.empty(); }
  const std::uint8_t* row(int y) const { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
  std::uint8_t* row(int y) { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
};

/// A whole number of pixels of a picture.
struct PixelBox {
  int left = 0, top = 0, width = 0, height = 0;
};

/// What a picture may unfold to. A decoder says what memory it needs before it takes any: the file's size is no bound.
struct DecodeLimits {
  std::int64_t max_pixels = 64ll << 20;
  int max_side = 16384;
  /// Bytes to decode one picture, its pixels included; a tenth of the file's size may come on top.
  std::int64_t max_memory = 128ll << 20;
};
/// The limits of this process; to be set before pictures are read. Throws Error(Usage): a limit below 1.
const DecodeLimits& decode_limits();
void set_decode_limits(const DecodeLimits& limits);

/// Whether the orientation that a camera wrote into the file is applied, as Pillow's ImageOps.exif_transpose does.
enum class ExifRotation { Ignore, Apply };

/// JPEG (libjpeg-turbo), PNG (libpng), WebP without animation (libwebp), BMP (stb_image); the format is read from the
/// first bytes, not the file's name. Grey, palette, 16-bit, alpha and CMYK become RGB as in Pillow. Thread-safe.
/// Throws Error(BadInput) naming the file and the reason: missing, empty,
/// unknown format, truncated, corrupt, too large.
Image decode_image_file(const std::string& path, ExifRotation exif = ExifRotation::Ignore,
                        const DecodeLimits& limits = decode_limits());
/// The file as it lies there, for decode_image(). Throws Error(BadInput) as decode_image_file() does for what is no
/// picture by its kind or size.
std::vector<std::uint8_t> read_image_file(const std::string& path, const DecodeLimits& limits = decode_limits());
Image decode_image(const std::uint8_t* bytes, std::size_t size, const std::string& name,
                   const DecodeLimits& limits = decode_limits(), ExifRotation exif = ExifRotation::Ignore);

/// A JPEG as Pillow's save(quality=...) writes it: baseline, chroma halved in both directions (4:2:0). Throws
/// Error(Usage): empty picture, quality not in 1-100.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

/// 8-bit RGB PNG (for tests and pictures we draw), as a file or in memory.
void write_png(const std::string& path, const Image& image);
std::vector<std::uint8_t> encode_png(const Image& image);

struct EncodedImage {
  std::string type;  // "image/png"
  std::vector<std::uint8_t> bytes;
};
/// For a page: the smaller of PNG and JPEG (quality 85). Drawings stay exact, photographs stay small.
EncodedImage encode_small(const Image& image);

}  // namespace fledge
