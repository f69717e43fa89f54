// From stored pixels to what a network sees, on the device that computes.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// For mean m and deviation s of pixels in [0, 1]: scale 1/(255 s), shift -m/s.
struct NormalizeParams {
  float scale[3] = {1, 1, 1}, shift[3] = {0, 0, 0};
};

// y[n,c,h,w] = pixels[n,h,w,c] * scale[c] + shift[c].  pixels: N,H,W,3 uint8 contiguous   y: N,3,H,W
using NormalizeImages = void (*)(ExecContext&, const TensorView& pixels, const TensorView& y, const NormalizeParams&);

struct ImageKernels {
  NormalizeImages normalize{};
};

}  // namespace fledge
