// Pictures as bytes in memory.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "io/image/image.h"

namespace fledge::report {

struct EncodedImage {
  std::string type;  // "image/png"
  std::vector<std::uint8_t> bytes;
};
EncodedImage encode_png(const Image& image);
/// The smaller of PNG and JPEG (quality 85): drawings stay exact, photographs stay small.
EncodedImage encode_small(const Image& image);

}  // namespace fledge::report
