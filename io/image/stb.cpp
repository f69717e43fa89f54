// stb_image's BMP decoder and stb_image_write's PNG. No other decoder is compiled: the known holes of stb_image are in
// those.
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

Image decode_with_stb(const ImageBytes& file) {
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(file.data, static_cast<int>(file.size), &width, &height, &channels, 3), &stbi_image_free);
  if (!pixels)
    bad_image(file.name, std::string("the BMP is corrupt or of an unsupported kind (") + stbi_failure_reason() + ")");
  Image image{width, height, {}};
  image.rgb.assign(pixels.get(), pixels.get() + static_cast<std::size_t>(width) * height * 3);
  return image;
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
