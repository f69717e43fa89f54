// Rows as 16-bit whole numbers, whose products a processor makes twice as fast as those of float32, with a measured
// error. Private to nn/retrieval/.
#pragma once
#include "nn/retrieval/frame.h"

namespace fledge {

struct QuantizedRows {
  Tensor codes;   // N,ceil(D/2) int32, two numbers in each, as quantized_products takes them (kernels/api/distance.h)
  Tensor scales;  // N float32
  double error = 0;  // most that a row x differs from scale * codes, over |x|; rows of |x| <= FLT_MIN, codes 0, aside
};
/// Of rows in a frame. A row's scale is |x| / 32000, so that no sum of products leaves 32 bits whatever the rows, and
/// `error` is at most sqrt(D) / 64000, about: 3.5e-4 for D = 512. Of tiny rows underflow_slack() covers the products.
QuantizedRows quantized_rows(const FramedRows& x);

}  // namespace fledge
