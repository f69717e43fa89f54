// From stored pixels to what a network sees, on the device that computes.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// Mean and deviation of pixels in [0, 1], by channel.
struct NormalizeParams {
  float mean[3] = {0, 0, 0}, std[3] = {1, 1, 1};
};

// y[n,c,h,w] = (pixels[n,h,w,c]/255 - mean[c]) / std[c].  pixels: N,H,W,3 uint8 contiguous   y: N,3,H,W. On the CPU as
// float32 gives it, operation by operation, on every processor. A GPU multiplies and adds.
using NormalizeImages = void (*)(ExecContext&, const TensorView& pixels, const TensorView& y, const NormalizeParams&);

/// N,3,H,W of the same pictures, channels-last at `data`.
inline TensorView normalized_view(const TensorView& pixels, void* data, DType dtype) {
  const std::int64_t n = pixels.dims[0], h = pixels.dims[1], w = pixels.dims[2];
  TensorView x;
  x.data = data;
  x.dims = {n, 3, h, w};
  x.strides = {h * w * 3, 1, w * 3, 3};
  x.dtype = dtype;
  x.device = pixels.device;
  return x;
}

struct ImageKernels {
  NormalizeImages normalize{};
};

}  // namespace fledge
