// Pictures of one format (FLEDGE_PICTURE: Jpeg, Png, Bmp, WebP), with and without EXIF orientation; bytes of another
// format are left alone. For PNG the checksums of the chunks are put right in three mutants of four.
#include <zlib.h>

#include <cstring>

#include "io/image/formats.h"
#include "io/image/resize.h"
#include "io/image/source.h"
#include "tests/fuzz/input.h"

using namespace fledge;

namespace {

const std::string kName = "fuzzed-picture";
constexpr DecodeLimits kLimits{1 << 20, 4096, 16 << 20};  // small ones, so that a run is short

void put_big32(std::uint8_t* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void mend_checksums(std::uint8_t* data, std::size_t size) {
  const ImageBytes file{data, size, kName};
  for (std::size_t at = 8; at + 12 <= size;) {
    const std::size_t length = file.big32(at);
    if (length > size - at - 12) return;
    put_big32(data + at + 8 + length,
              static_cast<std::uint32_t>(crc32(0, data + at + 4, static_cast<uInt>(length + 4))));
    at += length + 12;
  }
}

/// A part, chosen by the bytes, is refused where the whole is, and else the same pixels. `image`: the whole, or empty.
void check_part(const std::uint8_t* data, std::size_t size, const Image& image, ExifRotation exif) {
  try {
    const ImageSource source = open_image({data, data + size}, kName, exif, nullptr, kLimits);
    const int left = data[size / 2] % source.width(), top = data[size / 3] % source.height();
    const PixelBox box{left, top, 1 + data[size / 4] % (source.width() - left),
                       1 + data[size / 5] % (source.height() - top)};
    const Image part = source.cut(box).whole();
    if (image.empty()) fuzz::finding("a part of what cannot be read");
    if (source.width() != image.width || source.height() != image.height || part.rgb != crop(image, box).rgb)
      fuzz::finding("a part that is not that of the whole");
  } catch (const Error& e) {
    if (!image.empty()) fuzz::finding("a part that cannot be read: " + std::string(e.what()));
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (ImageFormat::FLEDGE_PICTURE == ImageFormat::Png && seed % 4 != 0) mend_checksums(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (sniff(data, size) != ImageFormat::FLEDGE_PICTURE) return 0;
  for (const ExifRotation exif : {ExifRotation::Ignore, ExifRotation::Apply}) {
    Image image;
    fuzz::read_or_refuse(kName, [&] {
      image = decode_image(data, size, kName, kLimits, exif);
      const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
      if (pixels == 0 || image.rgb.size() != 3 * pixels || pixels > static_cast<std::size_t>(kLimits.max_pixels))
        fuzz::finding("a picture of an impossible size");
    });
    check_part(data, size, image, exif);
  }
  return 0;
}
