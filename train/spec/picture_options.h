// How picture files are read: turned upright or not, and what they may unfold to.
#pragma once
#include <cstdint>
#include <string>

#include "train/spec/field.h"

namespace fledge {

struct PictureOptions {
  std::string exif_rotate = "auto";  // auto, on, off
  std::int64_t max_pixels = 64ll << 20, max_mb = 128;
  int max_side = 16384;
};

/// --exif-rotate, --max-image-pixels, --max-image-side, --max-image-mb.
void bind_pictures(Fields& fields, PictureOptions& o);
/// Applies them to the process; to be called before data sets are opened.
void apply(const PictureOptions& o);

}  // namespace fledge
