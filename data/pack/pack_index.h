// The file format fledge-pack-1, and the index in it. Private to data.
//
//   16 bytes   kPackMagic
//   pixels     of picture 0, 1, ...: height * width * 3 bytes, RGB, rows from the top; nothing in between
//   index      JSON, one value a line: {"classes":C,"pictures":N,"short_side":S}, then C class names, then N pictures
//              ["name",label,super-class,width,height,checksum], and, where known, [left,top,width,height] of its box,
//              and the XXH3-128 of the file that was packed ("32 hexadecimal digits"; not there in older packs).
//              "exif":"applied" or "ignored" in the first line: whether the pictures were turned by the orientation in
//              their files (not there: the data set had none to apply, or the pack is from before it was noted)
//   8 bytes    size of the index, little-endian
//   8 bytes    checksum of the index, little-endian
//   16 bytes   kPackEnd
//
// Checksums are XXH3, 64 bits, of the bytes in the file. In names "%" and what is not UTF-8 are written as %XX.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/identity/content.h"
#include "io/image/resize.h"

namespace fledge {

constexpr std::string_view kPackMagic = "fledge-pack-1\n\r\n", kPackEnd = "fledge-pack-end\n";

struct PackedPicture {
  std::string name;
  std::int64_t label = -1, super_class = -1;
  int width = 0, height = 0;
  std::uint64_t checksum = 0;
  std::optional<PixelBox> box;
  Content origin;  // of the file that was packed, where there was one
  std::uint64_t bytes() const {
    return std::uint64_t{3} * static_cast<unsigned>(width) * static_cast<unsigned>(height);
  }
};

struct PackIndex {
  int short_side = 0;          // PackOptions::short_side
  std::optional<bool> turned;  // Dataset::turned
  std::vector<std::string> class_names;
  std::vector<PackedPicture> pictures;
};

std::uint64_t pack_checksum(const void* data, std::size_t size);

std::string write_pack_index(const PackIndex& index);
/// Throws Error(BadInput) naming `path`, the line and what is wrong with it. Every number is checked: labels are below
/// the number of classes, sides as DecodeLimits allows, boxes inside their pictures. `file_bytes`: of the whole file,
/// which bounds the memory that the index may take (as much, and 64 MiB).
PackIndex read_pack_index(std::string_view text, const std::string& path, std::uint64_t file_bytes = 0);

}  // namespace fledge
