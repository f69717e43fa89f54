#include "apps/report/draw/encode.h"

#include "base/error.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace fledge::report {
namespace {

constexpr int kQuality = 85;

void append(void* context, void* data, int size) {
  auto& out = *static_cast<std::vector<std::uint8_t>*>(context);
  out.insert(out.end(), static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + size);
}

void require(int done) {
  if (!done) throw Error(ErrorKind::Resource, "report", "not enough memory to compress a picture");
}

}  // namespace

EncodedImage encode_png(const Image& image) {
  EncodedImage out{"image/png", {}};
  require(stbi_write_png_to_func(append, &out.bytes, image.width, image.height, 3, image.rgb.data(), image.width * 3));
  return out;
}

EncodedImage encode_small(const Image& image) {
  EncodedImage png = encode_png(image), jpeg{"image/jpeg", {}};
  require(stbi_write_jpg_to_func(append, &jpeg.bytes, image.width, image.height, 3, image.rgb.data(), kQuality));
  return png.bytes.size() <= jpeg.bytes.size() ? png : jpeg;
}

}  // namespace fledge::report
