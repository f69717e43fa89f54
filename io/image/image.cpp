#include "io/image/image.h"

#include <cctype>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "io/file.h"
#include "io/image/formats.h"
#include "io/image/orientation.h"

namespace fledge {
namespace {

bool starts_with(const std::uint8_t* bytes, std::size_t size, std::string_view magic, std::size_t at = 0) {
  return size >= at + magic.size() && std::memcmp(bytes + at, magic.data(), magic.size()) == 0;
}

}  // namespace

ImageFormat sniff(const std::uint8_t* bytes, std::size_t size) {
  if (starts_with(bytes, size, "\xff\xd8\xff")) return ImageFormat::Jpeg;
  if (starts_with(bytes, size, "\x89PNG\r\n\x1a\n")) return ImageFormat::Png;
  if (starts_with(bytes, size, "BM")) return ImageFormat::Bmp;
  if (starts_with(bytes, size, "RIFF") && starts_with(bytes, size, "WEBP", 8)) return ImageFormat::WebP;
  return ImageFormat::Unknown;
}

std::string guess_kind(const std::uint8_t* bytes, std::size_t size) {
  struct Kind {
    std::string_view magic;
    const char* name;
    std::size_t at = 0;
  };
  static const Kind kinds[] = {{"GIF8", "a GIF picture"},
                               {"II*", "a TIFF picture"},
                               {"MM", "a TIFF picture"},
                               {"ftyp", "an AVIF, HEIC or MP4 file", 4},
                               {"8BPS", "a Photoshop file"},
                               {"%PDF", "a PDF document"},
                               {"PK", "a zip archive"},
                               {"\x1f\x8b", "a gzip file"},
                               {"<svg", "an SVG drawing"},
                               {"\x89HDF", "an HDF5 file"},
                               {"version https://git-lfs", "a Git LFS pointer, not the file itself"}};
  for (const Kind& k : kinds)
    if (starts_with(bytes, size, k.magic, k.at)) return k.name;
  std::size_t i = 0;
  while (i < size && std::isspace(bytes[i])) ++i;
  if (i < size && bytes[i] == '<') return "a web page or XML text";
  std::size_t text = 0;
  const std::size_t look = size < 256 ? size : 256;
  for (i = 0; i < look; ++i)
    text += bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\t' || (bytes[i] >= 32 && bytes[i] < 127);
  return look > 0 && text == look ? "plain text" : "";
}

void bad_image(const std::string& name, const std::string& problem, const std::string& hint) {
  throw Error(ErrorKind::BadInput, "", "cannot read picture '" + name + "': " + problem, hint);
}

void check_dimensions(const std::string& name, std::int64_t width, std::int64_t height, const DecodeLimits& limits) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width < 1 || height < 1) bad_image(name, "its header says " + size + " pixels");
  if (width > limits.max_side || height > limits.max_side)
    bad_image(name, "too large: " + size + " pixels, the limit is " + std::to_string(limits.max_side) + " per side",
              "shrink it, or allow more with --max-image-side");
  if (width * height > limits.max_pixels)
    bad_image(name, "too large: " + size + " pixels, the limit is " + std::to_string(limits.max_pixels) + " in all",
              "shrink it, or allow more with --max-image-pixels");
}

std::int64_t memory_allowed(const ImageBytes& file, const DecodeLimits& limits) {
  return limits.max_memory + static_cast<std::int64_t>(file.size / 10);
}

void check_memory(const ImageBytes& file, std::int64_t width, std::int64_t height, int bytes_a_pixel,
                  const DecodeLimits& limits) {
  const std::int64_t needed = width * height * bytes_a_pixel;
  if (needed <= memory_allowed(file, limits)) return;
  bad_image(file.name,
            "too large: " + std::to_string(width) + "x" + std::to_string(height) + " pixels of its kind take " +
                std::to_string(needed >> 20) + " MiB to decode, the limit is " +
                std::to_string(limits.max_memory >> 20),
            "shrink it, or allow more with --max-image-mb");
}

void check_work(const ImageBytes& file, std::int64_t width, std::int64_t height, std::int64_t coded,
                const DecodeWork& work, const DecodeLimits& limits) {
  const double counted = work.a_pixel_byte * 3 * static_cast<double>(width) * static_cast<double>(height) +
                         work.a_coded_byte * static_cast<double>(coded);
  if (counted <= static_cast<double>(limits.max_memory)) return;
  bad_image(file.name,
            "too large: " + std::to_string(width) + "x" + std::to_string(height) + " pixels made of " +
                std::to_string(coded >> 20) + " MiB take as long to decode as " +
                std::to_string(static_cast<std::int64_t>(counted) >> 20) + " MiB, the limit is " +
                std::to_string(limits.max_memory >> 20),
            "shrink it, or allow more with --max-image-mb");
}

namespace {

DecodeLimits& limits_of_process() {
  static DecodeLimits limits;
  return limits;
}

}  // namespace

const DecodeLimits& decode_limits() { return limits_of_process(); }

void set_decode_limits(const DecodeLimits& limits) {
  if (limits.max_pixels < 1 || limits.max_side < 1 || limits.max_memory < 1)
    throw Error(ErrorKind::Usage, "set_decode_limits", "limits of pictures must be at least 1");
  limits_of_process() = limits;
}

Image decode_image(const std::uint8_t* bytes, std::size_t size, const std::string& name, const DecodeLimits& limits,
                   ExifRotation exif) {
  if (size == 0) bad_image(name, "the file is empty (0 bytes)");
  const ImageBytes file{bytes, size, name};
  const ImageFormat format = sniff(bytes, size);
  const DecodeRequest request{limits, exif == ExifRotation::Apply ? orientation_of(file, format) : 1};
  switch (format) {
    case ImageFormat::Jpeg:
      return decode_jpeg(file, request);
    case ImageFormat::Png:
      return decode_png(file, request);
    case ImageFormat::Bmp:
      return decode_bmp(file, limits);
    case ImageFormat::WebP:
      return decode_webp(file, request);
    case ImageFormat::Unknown:
      break;
  }
  const std::string kind = guess_kind(bytes, size);
  bad_image(name, kind.empty() ? "unknown format" : "it is " + kind,
            "JPEG, PNG, WebP and BMP are read: convert it or remove it");
}

std::vector<std::uint8_t> read_image_file(const std::string& path, const DecodeLimits& limits) {
  // What a picture of that many pixels has uncompressed (four channels of 16 bits), and a MiB of everything else.
  return read_file(path, static_cast<std::uint64_t>(limits.max_pixels) * 8 + (1 << 20));
}

Image decode_image_file(const std::string& path, ExifRotation exif, const DecodeLimits& limits) {
  const std::vector<std::uint8_t> bytes = read_image_file(path, limits);
  return decode_image(bytes.data(), bytes.size(), path, limits, exif);
}

}  // namespace fledge
