// Depthwise convolution on the GPU: x, y and their gradients channels-last, weights K,1,R,S stored K-major.
// T: float or __nv_bfloat16; bias and weight gradients are float32. Formulas: kernels/ref/conv.cpp.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::cuda {

/// Sizes of a problem, as its kernels take them; pixels of a batch are counted in an int. Pads may be negative: the
/// picture starts inside the first window.
struct DepthwiseShape {
  int n, c, h, w, p, q, r, s;
  int stride_h, stride_w, pad_top, pad_left;

  DepthwiseShape(const Dims& x, const Dims& filter, const Dims& y, const Conv2dParams& params)
      : n(static_cast<int>(x[0])),
        c(static_cast<int>(x[1])),
        h(static_cast<int>(x[2])),
        w(static_cast<int>(x[3])),
        p(static_cast<int>(y[2])),
        q(static_cast<int>(y[3])),
        r(static_cast<int>(filter[2])),
        s(static_cast<int>(filter[3])),
        stride_h(params.stride_h),
        stride_w(params.stride_w),
        pad_top(params.pad_top),
        pad_left(params.pad_left) {}

  /// 3x3 of one stride both ways: the cases with kernels of their own.
  bool is_3x3(int stride) const { return r == 3 && s == 3 && stride_h == stride && stride_w == stride; }
};

/// `flipped`: the filter turned by 180 degrees.
template <class T>
void depthwise_forward(const char* op, const DepthwiseShape&, const T* x, const T* w, bool flipped, const ConvEpilogue&,
                       T* y);
template <class T>
void depthwise_grad_input(const DepthwiseShape&, const T* dy, const T* w, T* dx);
template <class T>
void depthwise_grad_weight(const DepthwiseShape&, const T* dy, const T* x, float* dw);

/// Of any convolution: the sum of dy over N,P,Q.
template <class T>
void conv_grad_bias(ExecContext&, const TensorView& dy, const TensorView& db);

}  // namespace fledge::cuda
