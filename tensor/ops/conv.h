// Convolution on tensors: checked, allocating, gradient-free. Formula and letters: kernels/api/conv.h.
// Rank-4 arguments are made channels-last when they are not (float32); results are channels-last.
// Errors (Usage): wrong rank, dtypes differ, channels do not fit groups, empty output, bias of wrong length.
#pragma once
#include "kernels/api/conv.h"
#include "tensor/ops/image.h"

namespace fledge {

/// x: N,C,H,W  w: K,C/groups,R,S  bias: K or undefined  ->  N,K,P,Q
/// moments, where not null: gets what batch_norm_train takes of the result (2,K, float64), or stays undefined where the
/// device's convolutions do not gather it.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
              Tensor* moments = nullptr);
/// dy: N,K,P,Q  w: K,C/groups,R,S  ->  x_dims. Written over `place` where that is defined: x_dims, dy's dtype,
/// channels-last.
Tensor conv2d_grad_input(const Tensor& dy, const Tensor& w, const Dims& x_dims, const Conv2dParams& params,
                         const Tensor& place = {});
/// dy: N,K,P,Q  x: N,C,H,W  ->  w_dims
Tensor conv2d_grad_weight(const Tensor& dy, const Tensor& x, const Dims& w_dims, const Conv2dParams& params);
/// dy: N,K,P,Q  ->  K
Tensor conv2d_grad_bias(const Tensor& dy);
/// Inference: act(conv(x, w) + bias + residual). bias, residual may be undefined.
Tensor conv2d_fused(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& residual, Activation activation,
                    const Conv2dParams& params);
/// Inference: conv2d_fused of x and `depthwise` with the params, then of that and `pointwise` (K,C,1,1), with
/// `activation` behind both. Biases may be undefined.
Tensor separable_conv2d_fused(const Tensor& x, const Tensor& depthwise, const Tensor& depthwise_bias,
                              const Tensor& pointwise, const Tensor& bias, Activation activation,
                              const Conv2dParams& params);
/// Inference: conv2d_fused of the normalized pictures, with the same bits. On the CPU a first layer of at most 16
/// output channels makes no copy of them. w: K,3/groups,R,S; bias may be undefined.
Tensor pixels_conv2d_fused(const StoredPictures& pictures, const Tensor& w, const Tensor& bias, Activation activation,
                           const Conv2dParams& params);

}  // namespace fledge
