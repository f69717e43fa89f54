// Pictures on the device that computes (kernels/api/picture.h).
#pragma once
#include "kernels/api/picture.h"
#include "tensor/tensor.h"

namespace fledge {

/// pixels: N,H,W,3 uint8   placement: N,3 int32: top, left, flip; undefined: the whole picture as it is
/// -> N,3,height,width of `dtype` (float32, float64, bfloat16), channels-last.
Tensor augment_pictures(const Tensor& pixels, const Tensor& placement, std::int64_t height, std::int64_t width,
                        const PictureParams& params, DType dtype = DType::Float32);

}  // namespace fledge
