// Filters times a number each: the weights of a convolution with the norm behind it folded in. Private to nn/layers/.
#pragma once
#include "tensor/tensor.h"

namespace fledge {

/// y[k,...] = w[k,...] * scale[k], in double and rounded once. w: K,C,R,S float32 or float64  scale: K float64; both on
/// the CPU. y: like w, channels-last. One pass without other memory: wide copies took longer than a first inference.
Tensor scaled_filters(const Tensor& w, const Tensor& scale);

}  // namespace fledge
