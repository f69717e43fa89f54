// From bytes to the numbers that a network sees.
#pragma once
#include <cstddef>

#include "data/views/transforms.h"

namespace fledge {

/// Writes (pixel/255 - mean)/std to `out`, size*size*3 floats stored H,W,C: as float32 gives it, on every processor.
void normalize_to(const Image& image, const Normalization& n, float* out);

}  // namespace fledge
