#include "train/spec/picture_options.h"

#include "data/exif_choice.h"
#include "io/image/image.h"

namespace fledge {

void bind_pictures(Fields& f, PictureOptions& o) {
  f.group("Data");
  f.add("exif-rotate", o.exif_rotate,
        "turn pictures upright as their camera noted: auto (all but CUB, Cars and SOP), on, off")
      .one_of({"auto", "on", "off"});
  f.add("max-image-pixels", o.max_pixels, "a picture of more pixels is a bad picture")
      .between(std::int64_t{1}, std::int64_t{1} << 31);
  f.add("max-image-side", o.max_side, "the same of a longer side, in pixels").between(1, 1 << 20);
  f.add("max-image-mb", o.max_mb, "the same of one that takes more memory to decode, in MiB")
      .between(std::int64_t{1}, std::int64_t{1} << 20);
}

void apply(const PictureOptions& o) {
  set_exif_choice(o.exif_rotate == "on" ? ExifChoice::On : o.exif_rotate == "off" ? ExifChoice::Off : ExifChoice::Auto);
  set_decode_limits({o.max_pixels, o.max_side, o.max_mb << 20});
}

}  // namespace fledge
