// Pictures of one format (FLEDGE_PICTURE: Jpeg, Png, Bmp, WebP), with and without EXIF orientation; bytes of another
// format are left alone. For PNG the checksums of the chunks are put right in three mutants of four.
#include <zlib.h>

#include <cstring>

#include "io/image/formats.h"
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

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (ImageFormat::FLEDGE_PICTURE == ImageFormat::Png && seed % 4 != 0) mend_checksums(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (sniff(data, size) != ImageFormat::FLEDGE_PICTURE) return 0;
  for (const ExifRotation exif : {ExifRotation::Ignore, ExifRotation::Apply})
    fuzz::read_or_refuse(kName, [&] {
      const Image image = decode_image(data, size, kName, kLimits, exif);
      const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
      if (pixels == 0 || image.rgb.size() != 3 * pixels || pixels > static_cast<std::size_t>(kLimits.max_pixels))
        fuzz::finding("a picture of an impossible size");
    });
  return 0;
}
