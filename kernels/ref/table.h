// The reference table: every entry of KernelTable as plain loops, any strides, for float and double; bfloat16 by way of
// float.
#pragma once
#include "kernels/api/kernel_table.h"

namespace fledge::ref {

/// T is float or double, the dtype of the views; sums are accumulated in double for both. No entry is null.
template <class T>
KernelTable ref_table();
/// The table for mixed precision (bf16.cpp): what the GPU's has, which is convolution, norm, pooling, elementwise and
/// images. Other families are null.
KernelTable ref_bf16_table();

// One function per family, each in the .cpp of its name; conv.cpp has the loops of kernels/api/conv.h and so on.
template <class T>
ConvKernels conv_kernels();
template <class T>
NormKernels norm_kernels();
template <class T>
PoolKernels pool_kernels();
template <class T>
EltwiseKernels eltwise_kernels();
template <class T>
ReduceKernels reduce_kernels();
template <class T>
GemmKernels gemm_kernels();
template <class T>
GatherKernels gather_kernels();
template <class T>
DistanceKernels distance_kernels();
template <class T>
OptimKernels optim_kernels();
template <class T>
ImageKernels image_kernels();

}  // namespace fledge::ref
