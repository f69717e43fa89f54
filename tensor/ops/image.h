// Images on the device that computes (kernels/api/image.h).
#pragma once
#include "kernels/api/image.h"
#include "tensor/tensor.h"

namespace fledge {

/// pixels: N,H,W,3 uint8 -> N,3,H,W of `dtype` (float32, float64, bfloat16), channels-last.
Tensor normalize_images(const Tensor& pixels, const NormalizeParams& params, DType dtype = DType::Float32);

}  // namespace fledge
