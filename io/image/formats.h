// The decoders behind decode_image, one per format. Private to io/image.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/image/image.h"

namespace fledge {

class PartDecoder;

enum class ImageFormat { Jpeg, Png, Bmp, WebP, Unknown };

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
/// Bytes that decoding may take: the limit and a tenth of the file.
std::int64_t memory_allowed(const ImageBytes& file, const DecodeLimits& limits);
/// Refuses a picture whose decoding takes `bytes_a_pixel` for each of its pixels, if that is more than allowed.
void check_memory(const ImageBytes& file, std::int64_t width, std::int64_t height, int bytes_a_pixel,
                  const DecodeLimits& limits);

/// What decoding takes in time, in bytes of which 128 MiB take 0.9 s on one core of a Zen 3: a byte of the picture and
/// a byte of what it is made of count as much as measured at their worst (noise at the highest quality).
struct DecodeWork {
  double a_pixel_byte, a_coded_byte;
};
constexpr DecodeWork kPngWork{0.5, 1}, kInterlacedWork{0.5, 1.25}, kJpegWork{0.25, 2}, kProgressiveWork{0.25, 5.5},
    kWebPWork{0.33, 14}, kLosslessWebPWork{0.33, 1};
/// Refuses a picture that takes longer than the limit on its memory stands for. `coded`: bytes of the
/// file, of a PNG those that its rows unfold to.
void check_work(const ImageBytes& file, std::int64_t width, std::int64_t height, std::int64_t coded,
                const DecodeWork& work, const DecodeLimits& limits);

/// How a decoder is called. `orientation`: as EXIF numbers them, 1: as stored.
struct DecodeRequest {
  const DecodeLimits& limits;
  int orientation = 1;
};

/// The pixels as they are to be seen: turned by the orientation asked for.
Image decode_jpeg(const ImageBytes& file, const DecodeRequest& request);
/// The same file in parts (io/image/source.h), of which its bytes become a part; null, and the bytes stay, where it has
/// several scans or four colors.
std::unique_ptr<PartDecoder> open_jpeg_parts(std::vector<std::uint8_t>& bytes, const std::string& name,
                                             const DecodeRequest& request, std::atomic<bool>* sound);
Image decode_png(const ImageBytes& file, const DecodeRequest& request);
Image decode_bmp(const ImageBytes& file, const DecodeLimits& limits);
/// Of a BMP that is known to be whole, in two pieces: all in front of the pixels, and the pixels. Grey and palettes
/// become RGB; alpha is dropped, not blended.
Image decode_with_stb(const std::string& name, std::span<const std::uint8_t> head,
                      std::span<const std::uint8_t> pixels);
Image decode_webp(const ImageBytes& file, const DecodeRequest& request);

}  // namespace fledge
