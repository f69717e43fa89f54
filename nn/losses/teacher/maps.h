// Stage maps of a frozen teacher brought to the size of a student's. Without gradient.
#pragma once
#include "tensor/tensor.h"

namespace fledge {

/// map: N,C,H,W -> N,C,height,width; the map itself when it has that size. Axis by axis: where the axis shrinks, the
/// mean of the pixels floor(i H / height) .. ceil((i + 1) H / height) - 1 (PyTorch's adaptive_avg_pool2d); where it
/// grows, linear between pixel centres (PyTorch's interpolate, bilinear, align_corners=False).
/// A few tensor ops for each new row and column. A resized map is channels-last. Errors (Usage): rank
/// other than 4, a size below 1.
Tensor resize_map(const Tensor& map, std::int64_t height, std::int64_t width);

}  // namespace fledge
