// BMP through stb_image, PNG writing through stb_image_write. Only this decoder is compiled: the known holes of stb_image
// are in the others. It does not notice a BMP that ends early, so that is checked here before it runs.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "io/file.h"
#include "io/image/formats.h"
#include "kernels/api/error.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace fledge {

namespace {

/// Grey, palette and 16-bit samples (their high byte) become RGB; alpha is dropped, not blended.
Image decode_with_stb(const ImageBytes& file, const char* format) {
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(file.data, static_cast<int>(file.size), &width, &height, &channels, 3), &stbi_image_free);
  if (!pixels)
    bad_image(file.name,
              std::string("the ") + format + " is corrupt or of an unsupported kind (" + stbi_failure_reason() + ")");
  Image image{width, height, {}};
  image.rgb.assign(pixels.get(), pixels.get() + static_cast<std::size_t>(width) * height * 3);
  return image;
}

void check_file_size(const ImageBytes& file) {
  if (file.size > (1u << 30))
    bad_image(file.name, "the file has " + std::to_string(file.size) + " bytes, the limit is 1 GiB");
}

}  // namespace

Image decode_bmp(const ImageBytes& file, const DecodeLimits& limits) {
  check_file_size(file);
  if (file.size < 26)
    bad_image(file.name, "the BMP is truncated: it ends after " + std::to_string(file.size) + " bytes");
  const std::uint32_t header = file.little32(14);
  const bool core = header == 12;  // OS/2: 16-bit sizes
  if (!core && (header < 40 || file.size < 54))
    bad_image(file.name, "the BMP is corrupt: header of " + std::to_string(header) + " bytes");
  // Widened before the choice: the common type of both sides would be unsigned, and a negative height huge.
  const auto size_at = [&](std::size_t at) -> std::int64_t { return static_cast<std::int32_t>(file.little32(at)); };
  const std::int64_t width = core ? std::int64_t{file.little16(18)} : size_at(18);
  std::int64_t height = core ? std::int64_t{file.little16(20)} : size_at(22);
  if (height < 0) height = -height;  // stored top to bottom
  check_dimensions(file.name, width, height, limits);
  check_memory(file, width, height, 6, limits);  // stb's pixels and ours
  const std::int64_t bits = file.little16(core ? 24 : 28);
  const std::int64_t needed = file.little32(10) + (width * bits + 31) / 32 * 4 * height;
  const std::uint32_t compression = core ? 0 : file.little32(30);
  if (compression != 0 && compression != 3)
    bad_image(file.name, "the BMP is compressed, which is not supported", "convert it to PNG");
  if (needed > static_cast<std::int64_t>(file.size))
    bad_image(file.name,
              "the BMP is truncated: " + std::to_string(file.size) + " of " + std::to_string(needed) + " bytes");
  return decode_with_stb(file, "BMP");
}

void write_png(const std::string& path, const Image& image) {
  if (image.empty()) throw Error(ErrorKind::Usage, "write_png", "the picture for '" + path + "' is empty");
  std::vector<std::uint8_t> bytes;
  const auto append = [](void* context, void* data, int size) {
    auto& out = *static_cast<std::vector<std::uint8_t>*>(context);
    out.insert(out.end(), static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + size);
  };
  if (!stbi_write_png_to_func(append, &bytes, image.width, image.height, 3, image.rgb.data(), image.width * 3))
    throw Error(ErrorKind::Resource, "write_png", "not enough memory to compress '" + path + "'");
  write_file_atomic(path, bytes.data(), bytes.size());
}

}  // namespace fledge
