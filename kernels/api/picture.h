// From stored pixels to what a network sees, on the device that computes: cut out, mirrored, normalised.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// y = pixel * scale + shift per channel; for mean m and deviation s of pixels in [0, 1]: scale 1/(255 s), shift -m/s.
struct PictureParams {
  float scale[3] = {1, 1, 1}, shift[3] = {0, 0, 0};
};

// y[n,c,i,j] = pixels[n, top + i, left + (flip ? Q-1-j : j), c] * scale[c] + shift[c], 0 taken for pixels outside.
// pixels: N,H,W,3 uint8 contiguous   placement: N,3 int32 contiguous: top, left, flip (0 or 1)   y: N,3,P,Q
using AugmentPictures = void (*)(ExecContext&, const TensorView& pixels, const TensorView& placement,
                                 const TensorView& y, const PictureParams&);

struct PictureKernels {
  AugmentPictures augment{};
};

}  // namespace fledge
