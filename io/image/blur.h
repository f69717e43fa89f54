// Gaussian blur of a picture.
#pragma once
#include "io/image/image.h"

namespace fledge {

/// out[y,x] = sum of g[i] * g[j] * in[y+i, x+j], g[i] = exp(-i^2 / (2 sigma^2)) / sum, cut at 4 sigma (rounded to whole
/// pixels); outside, the picture is mirrored with its edge pixels doubled (c b a | a b c). Equals
/// scipy.ndimage.gaussian_filter(..., mode="reflect") in float, rounded to 8 bits once. Throws Error(Usage): sigma not
/// above 0 or above 1000.
Image gaussian_blur(const Image& image, double sigma);

}  // namespace fledge
