// Bounding boxes as data sets give them, made fit for use.
#pragma once
#include "data/dataset.h"

namespace fledge {

/// The part of the data set's box of picture i that lies in the picture, of width x height; nothing where it has none.
/// Throws Error(BadInput): no part of it does.
std::optional<PixelBox> box_inside(const Dataset& dataset, std::int64_t i, int width, int height);

/// "" where every picture has a box; else what is to be said where they are asked for.
std::string missing_boxes(const Dataset& dataset);

}  // namespace fledge
