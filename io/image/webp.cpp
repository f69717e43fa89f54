// WebP through libwebp: lossy and lossless, alpha dropped as Pillow's convert("RGB") does. Animations are refused:
// which of their pictures is meant nobody said.
#include <webp/decode.h>

#include <algorithm>

#include "io/image/formats.h"
#include "io/image/orientation.h"

namespace fledge {

Image decode_webp(const ImageBytes& file, const DecodeRequest& request) {
  const auto refuse = [&](const std::string& problem) { bad_image(file.name, "the WebP is " + problem); };
  if (file.size < 12 || file.little32(4) > file.size - 8)
    refuse("truncated: it ends after " + std::to_string(file.size) + " bytes");
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data, file.size, &features) != VP8_STATUS_OK) refuse("truncated or corrupt");
  check_dimensions(file.name, features.width, features.height, request.limits);
  if (features.has_animation)
    bad_image(file.name, "it is an animated WebP", "take one of its pictures out: it is not clear which is meant");
  // Lossless pictures are decoded whole to 32 bits a pixel first, others by rows; of these alpha is a plane of its own.
  const int beside = features.format == 2 ? 4 : features.has_alpha ? 1 : 0;
  const int kept = on_its_side(request.orientation) ? 6 : 3;
  check_memory(file, features.width, features.height, std::max(3 + beside, kept), request.limits);
  check_work(file, features.width, features.height, static_cast<std::int64_t>(file.size),
             features.format == 2 ? kLosslessWebPWork : kWebPWork, request.limits);
  Image image{features.width, features.height, {}};
  image.rgb.resize(static_cast<std::size_t>(features.width) * features.height * 3);
  if (!WebPDecodeRGBInto(file.data, file.size, image.rgb.data(), image.rgb.size(), features.width * 3))
    refuse("truncated or corrupt");
  turn_upright(image, request.orientation);
  return image;
}

}  // namespace fledge
