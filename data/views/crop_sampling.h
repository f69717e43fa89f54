// Where the random crop lies: torchvision's RandomResizedCrop of today and of 2018.
#pragma once
#include "data/views/transforms.h"

namespace fledge {

/// A whole-pixel box inside a picture of width x height, by t.sampling, t.area_* and
/// t.aspect_*. Ten attempts, then the fallback.
PixelBox sample_crop(const TrainTransform& t, int width, int height, Generator& g);

}  // namespace fledge
