// Images on the device that computes (kernels/api/image.h).
#pragma once
#include "kernels/api/image.h"
#include "tensor/tensor.h"

namespace fledge {

/// pixels: N,H,W,3 uint8 -> N,3,H,W of `dtype` (float32, float64, bfloat16), channels-last.
Tensor normalize_images(const Tensor& pixels, const NormalizeParams& params, DType dtype = DType::Float32);

/// Pictures as they are stored, and what makes them a network's input.
struct StoredPictures {
  Tensor pixels;  // N,H,W,3 uint8
  NormalizeParams normalize;

  Dims normalized_dims() const { return {pixels.dim(0), pixels.dim(3), pixels.dim(1), pixels.dim(2)}; }  // N,3,H,W
  Tensor normalized(DType dtype = DType::Float32) const { return normalize_images(pixels, normalize, dtype); }
};
/// Errors (Usage): not N,H,W,3 uint8.
void check_pictures(const char* op, const StoredPictures& pictures);

}  // namespace fledge
