// Packed data sets: decoded pictures at a given size in one file that is mapped, for machines where decoding limits
// training. A pack is a data set like any other: open_dataset() takes its path.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace fledge {

struct PackOptions {
  int short_side = 0;  // pictures larger than this are shrunk to it (as torchvision's Resize); 0: kept as they are
  int workers = 2;
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

/// Writes the pack: names, classes, super-classes, boxes (scaled with their pictures) and pixels, with a checksum of
/// each picture and of the index. There whole or not at all. Errors: BadInput (unreadable picture), Resource (disk).
void pack_dataset(const Dataset& dataset, const std::string& path, const PackOptions& options);
/// Does the file begin as a pack does?
bool is_pack(const std::string& path);
/// Errors (BadInput): not a pack, damaged, cut short.
std::shared_ptr<Dataset> open_pack(const std::string& path);

}  // namespace fledge
