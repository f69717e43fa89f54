// The decoders behind decode_image, one per format. Private to io/image.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "io/image/image.h"

namespace fledge {

enum class ImageFormat { Jpeg, Png, Bmp, Unknown };

/// By the first bytes.
ImageFormat sniff(const std::uint8_t* bytes, std::size_t size);
/// What unknown bytes look like ("a GIF picture", "a web page", "a zip archive"), or "".
std::string guess_kind(const std::uint8_t* bytes, std::size_t size);

/// A file as the decoders see it; `name` is for messages.
struct ImageBytes {
  const std::uint8_t* data;
  std::size_t size;
  const std::string& name;

  std::uint32_t big32(std::size_t at) const {
    return std::uint32_t{data[at]} << 24 | std::uint32_t{data[at + 1]} << 16 | std::uint32_t{data[at + 2]} << 8 |
           data[at + 3];
  }
  std::uint32_t little32(std::size_t at) const {
    return std::uint32_t{data[at + 3]} << 24 | std::uint32_t{data[at + 2]} << 16 | std::uint32_t{data[at + 1]} << 8 |
           data[at];
  }
  std::uint32_t little16(std::size_t at) const { return std::uint32_t{data[at + 1]} << 8 | data[at]; }
};

/// Throws Error(BadInput): "cannot read picture 'NAME': PROBLEM".
[[noreturn]] void bad_image(const std::string& name, const std::string& problem, const std::string& hint = "");
/// Refuses empty and too large pictures, before any memory is taken for them.
void check_dimensions(const std::string& name, std::int64_t width, std::int64_t height, const DecodeLimits& limits);

Image decode_jpeg(const ImageBytes& file, const DecodeLimits& limits);
Image decode_png(const ImageBytes& file, const DecodeLimits& limits);
Image decode_bmp(const ImageBytes& file, const DecodeLimits& limits);

}  // namespace fledge
