#include "apps/common/picture_options.h"

#include "data/exif_choice.h"
#include "io/image/image.h"

namespace fledge {

void bind_pictures(CLI::App& verb, PictureOptions& o) {
  verb.add_option("--exif-rotate", o.exif_rotate,
                  "turn pictures upright as their camera noted: auto (all but CUB, Cars and SOP), on, off")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->group("Data");
  verb.add_option("--max-image-pixels", o.max_pixels, "a picture of more pixels is a bad picture")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31))
      ->group("Data");
  verb.add_option("--max-image-side", o.max_side, "the same of a longer side, in pixels")
      ->check(CLI::Range(1, 1 << 20))
      ->group("Data");
  verb.add_option("--max-image-mb", o.max_mb, "the same of one that takes more memory to decode, in MiB")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->group("Data");
}

void apply(const PictureOptions& o) {
  set_exif_choice(o.exif_rotate == "on" ? ExifChoice::On : o.exif_rotate == "off" ? ExifChoice::Off : ExifChoice::Auto);
  set_decode_limits({o.max_pixels, o.max_side, o.max_mb << 20});
}

}  // namespace fledge
