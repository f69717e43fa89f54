// Pictures of any size made for a test: small files that unfold to much.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "tests/support/files.h"

namespace fledge::test {

struct PngKind {
  std::uint8_t depth, color;  // as in IHDR: 2 is RGB, 3 palette, 6 RGBA
  bool interlaced;
};

/// Noise under the filter that takes longest, packed as tightly as zlib can; or one IDAT that unfolds to `unfolded`
/// zeros. In pieces: making it takes no memory.
Bytes png_of(std::uint32_t width, std::uint32_t height, const PngKind& kind,
             std::optional<std::size_t> unfolded = std::nullopt);

/// A pattern of columns, or noise of high quality. scans 0: baseline; else progressive, with
/// at most so many scans (noise always in ten).
Bytes jpeg_of(int width, int height, int scans, bool noisy = false);

struct JpegKind {
  int across, down;  // pixels of a color sample: 2, 2 is 4:2:0
  bool grey = false, progressive = false, arithmetic = false;
  unsigned restart = 0;      // a restart marker behind so many blocks
  bool color_apart = false;  // a scan for each color
};
Bytes jpeg_of(const Image& image, const JpegKind& kind);

/// Of one bit a pixel; height below 0: top row first. compression 1: said to be run-length encoded.
Bytes bmp_of(std::int32_t width, std::int32_t height, std::uint32_t compression = 0);

Bytes webp_of(int width, int height, bool lossless, bool noisy = false);

}  // namespace fledge::test
