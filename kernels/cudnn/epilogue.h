// Own kernels beside the vendor's: the pass that a convolution needs where cuDNN does not fuse its epilogue, and the
// casts between bfloat16 and float32 of weight gradients and biases. They only enqueue on cuda::stream().
#pragma once
#include "kernels/api/conv.h"

namespace fledge::cudnn {

/// y = act(y + bias + residual) over `rows` rows of `columns` channels; bias (float32) and residual are nullable.
/// dtype: Float32 or BFloat16, of y and residual.
void apply_epilogue(DType dtype, void* y, const float* bias, const void* residual, Activation activation,
                    std::int64_t rows, std::int64_t columns);
/// bfloat16 to float32, and back (rounded to nearest even).
void widen(const void* from, float* to, std::int64_t n);
void narrow(const float* from, void* to, std::int64_t n);

}  // namespace fledge::cudnn
