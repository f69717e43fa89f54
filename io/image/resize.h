// Antialiased bilinear resampling, equal to Pillow's Image.resize(..., BILINEAR, box): the same fixed-point arithmetic,
// so the same bytes.
#pragma once
#include "io/image/source.h"

namespace fledge {

/// A region of an image in pixels; may be fractional.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// The box of the image, resampled to width x height. Triangle filter whose support grows with the shrink factor
/// (antialias). Pixels just outside the box take part, as in Pillow. Throws Error(Usage): empty picture, size < 1, box
/// empty or outside the picture.
Image resize(const Image& image, int width, int height, const Box& box);
Image resize(const Image& image, int width, int height);

/// Equal to crop(box), then resize(width, height), without the copy: pixels outside the box do not take part
/// (torchvision's resized_crop).
Image crop_and_resize(const Image& image, const PixelBox& box, int width, int height);
/// The same of a picture of which only that box is decoded. `mirrored`: flipped left to right too, which costs nothing.
Image crop_and_resize(const ImageSource& image, const PixelBox& box, int width, int height, bool mirrored = false);
/// Nearly the same of a large JPEG in less time: it is decoded to 1/2, 1/4 or 1/8 of its size where no side of the box
/// becomes smaller than asked for. Pixels just outside the box may take part.
Image crop_and_resize_shrunk(const ImageSource& image, const PixelBox& box, int width, int height,
                             bool mirrored = false);
/// Equal to resize(width, height), then crop(box), but only what the box needs is decoded and computed.
Image resize_and_crop(const Image& image, int width, int height, const PixelBox& box);
Image resize_and_crop(const ImageSource& image, int width, int height, const PixelBox& box, bool mirrored = false);
Image crop(const Image& image, const PixelBox& box);
/// Mirrored left to right, in place.
void flip_horizontal(Image& image);

}  // namespace fledge
