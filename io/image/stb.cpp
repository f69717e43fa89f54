// stb_image's BMP decoder and stb_image_write's PNG and JPEG. No other decoder is compiled: the known holes of
// stb_image are in those.
#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "io/file.h"
#include "io/image/formats.h"

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

/// Pieces in turn, as stb_image reads them.
struct Pieces {
  std::span<const std::uint8_t> left[2];
  std::size_t now = 0;

  std::size_t take(void* to, std::size_t bytes) {
    std::size_t taken = 0;
    while (taken < bytes && !done()) {
      const std::size_t part = std::min(bytes - taken, left[now].size());
      if (to) std::memcpy(static_cast<char*>(to) + taken, left[now].data(), part);
      left[now] = left[now].subspan(part);
      taken += part;
    }
    return taken;
  }
  bool done() {
    while (now < 2 && left[now].empty()) ++now;
    return now == 2;
  }
};

}  // namespace

Image decode_with_stb(const std::string& name, std::span<const std::uint8_t> head,
                      std::span<const std::uint8_t> pixels) {
  Pieces pieces{{head, pixels}};
  stbi_io_callbacks io{};
  io.read = [](void* user, char* to, int bytes) {
    return static_cast<int>(static_cast<Pieces*>(user)->take(to, static_cast<std::size_t>(std::max(bytes, 0))));
  };
  io.skip = [](void* user, int bytes) {
    static_cast<Pieces*>(user)->take(nullptr, static_cast<std::size_t>(std::max(bytes, 0)));
  };
  io.eof = [](void* user) { return static_cast<int>(static_cast<Pieces*>(user)->done()); };
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
      stbi_load_from_callbacks(&io, &pieces, &width, &height, &channels, 3), &stbi_image_free);
  if (!decoded)
    bad_image(name, std::string("the BMP is corrupt or of an unsupported kind (") + stbi_failure_reason() + ")");
  Image image{width, height, {}};
  image.rgb.assign(decoded.get(), decoded.get() + static_cast<std::size_t>(width) * height * 3);
  return image;
}

namespace {

constexpr int kQuality = 85;

void append(void* context, void* data, int size) {
  auto& out = *static_cast<std::vector<std::uint8_t>*>(context);
  out.insert(out.end(), static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + size);
}

void require(int done, const std::string& picture) {
  if (!done) throw Error(ErrorKind::Resource, "write_png", "not enough memory to compress " + picture);
}

std::vector<std::uint8_t> png_of(const Image& image, const std::string& picture) {
  std::vector<std::uint8_t> bytes;
  require(stbi_write_png_to_func(append, &bytes, image.width, image.height, 3, image.rgb.data(), image.width * 3),
          picture);
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) { return png_of(image, "a picture"); }

EncodedImage encode_small(const Image& image) {
  EncodedImage png{"image/png", encode_png(image)}, jpeg{"image/jpeg", {}};
  require(stbi_write_jpg_to_func(append, &jpeg.bytes, image.width, image.height, 3, image.rgb.data(), kQuality),
          "a picture");
  return png.bytes.size() <= jpeg.bytes.size() ? png : jpeg;
}

void write_png(const std::string& path, const Image& image) {
  if (image.empty()) throw Error(ErrorKind::Usage, "write_png", "the picture for '" + path + "' is empty");
  const std::vector<std::uint8_t> bytes = png_of(image, "'" + path + "'");
  write_file_atomic(path, bytes.data(), bytes.size());
}

}  // namespace fledge
