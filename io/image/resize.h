// Antialiased bilinear resampling, equal to Pillow's Image.resize(..., BILINEAR, box) within one grey level.
#pragma once
#include "io/image/image.h"

namespace fledge {

/// A region of an image in pixels; may be fractional.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// The box of the image, resampled to width x height. Triangle filter whose support grows with the shrink factor (antialias).
Image resize(const Image& image, int width, int height, const Box& box);
Image resize(const Image& image, int width, int height);

}  // namespace fledge
