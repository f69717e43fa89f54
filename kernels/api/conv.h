// Convolution. Letters: N batch, C input channels, H W input size, K output channels, R S filter size, P Q output size.
//   y[n,k,p,q] = bias[k] + sum_{c,r,s} w[k,c,r,s] * x[n, g*(C/groups)+c, h, w]
//   h = p*stride_h - pad_top + r,  w = q*stride_w - pad_left + s
// where g = k / (K/groups); taps outside the picture count as zero. Depthwise means groups == C == K.
#pragma once
#include <string>

#include "kernels/api/exec_context.h"
#include "kernels/api/image.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

enum class Activation : unsigned char { None, ReLU, ReLU6 };

struct Conv2dParams {
  int stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;  // four sides: Keras pads bottom and right only
  int groups = 1;

  /// Output dims N,K,P,Q. x_dims: N,C,H,W; w_dims: K,C/groups,R,S.
  Dims output_dims(const Dims& x_dims, const Dims& w_dims) const {
    return {x_dims[0], w_dims[0], window_positions(x_dims[2], w_dims[2], stride_h, pad_top, pad_bottom),
            window_positions(x_dims[3], w_dims[3], stride_w, pad_left, pad_right)};
  }
  /// One line that names the problem: "n32c64h56w56k128r3s3 stride2x2 pad1,1,1,1 groups1".
  std::string descriptor(const Dims& x_dims, const Dims& w_dims) const {
    auto s = [](std::int64_t v) { return std::to_string(v); };
    return "n" + s(x_dims[0]) + "c" + s(x_dims[1]) + "h" + s(x_dims[2]) + "w" + s(x_dims[3]) + "k" + s(w_dims[0]) +
           "r" + s(w_dims[2]) + "s" + s(w_dims[3]) + " stride" + s(stride_h) + "x" + s(stride_w) + " pad" + s(pad_top) +
           "," + s(pad_left) + "," + s(pad_bottom) + "," + s(pad_right) + " groups" + s(groups);
  }
  bool is_depthwise(const Dims& x_dims, const Dims& w_dims) const {
    return groups > 1 && groups == x_dims[1] && groups == w_dims[0];
  }
};

/// What may be fused behind an inference convolution: y = act(conv(x,w) + bias + residual). residual has y's dims; both
/// nullable. NaN stays NaN.
struct ConvEpilogue {
  const TensorView* bias = nullptr;      // K
  const TensorView* residual = nullptr;  // N,K,P,Q
  Activation activation = Activation::None;
};

/// x: N,C,H,W  w: K,C/groups,R,S  bias: K or null  y, dy: N,K,P,Q. Fast kernels demand dense channels-last for every
/// rank-4 view.
using Conv2dForward = void (*)(ExecContext&, const TensorView& x, const TensorView& w, const TensorView* bias,
                               const TensorView& y, const Conv2dParams&);
/// As forward, and of y what a batch norm behind it asks for, taken while y lies in the cache. moments: 2,K, double:
/// the means over N,P,Q, and the sums of squared differences from them. Null in a table whose norm takes them itself.
using Conv2dForwardMoments = void (*)(ExecContext&, const TensorView& x, const TensorView& w, const TensorView* bias,
                                      const TensorView& y, const TensorView& moments, const Conv2dParams&);
/// dx: N,C,H,W, overwritten.
using Conv2dGradInput = void (*)(ExecContext&, const TensorView& dy, const TensorView& w, const TensorView& dx,
                                 const Conv2dParams&);
/// dw: K,C/groups,R,S, overwritten.
using Conv2dGradWeight = void (*)(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& dw,
                                  const Conv2dParams&);
/// db: K, overwritten with the sum of dy over N,P,Q.
using Conv2dGradBias = void (*)(ExecContext&, const TensorView& dy, const TensorView& db);
/// Inference only; the weights' packed form is kept in their slot.
using Conv2dForwardFused = void (*)(ExecContext&, const TensorView& x, const TensorView& w, const ConvEpilogue&,
                                    const TensorView& y, const Conv2dParams&);

/// What follows each of the two convolutions of a separable one; biases are nullable.
struct SeparableEpilogue {
  const TensorView* depthwise_bias = nullptr;  // C
  Activation between = Activation::None;
  const TensorView* bias = nullptr;  // K
  Activation activation = Activation::None;
};
/// MobileNet's block (Howard et al. 2017, figure 3): y = act(conv(between(conv(x, depthwise) + its bias), pointwise) +
/// bias), x: N,C,H,W  depthwise: C,1,R,S with the params, whose groups are C  pointwise: K,C,1,1  y: N,K,P,Q. Inference
/// only. Null in a table whose two convolutions do as well.
using SeparableConv2dFused = void (*)(ExecContext&, const TensorView& x, const TensorView& depthwise,
                                      const TensorView& pointwise, const SeparableEpilogue&, const TensorView& y,
                                      const Conv2dParams&);

/// A first layer that reads pictures as they are stored: y = act(conv(x, w) + bias + residual), where x (N,3,H,W, never
/// written) is what image.normalize makes of the pixels, so that padding is zero behind it. pixels: N,H,W,3 uint8
/// contiguous  w: K,3/groups,R,S. Inference only. The bits are those of image.normalize and forward_fused. Null in a
/// table whose two kernels do as well.
using PixelsConv2dFused = void (*)(ExecContext&, const TensorView& pixels, const NormalizeParams&, const TensorView& w,
                                   const ConvEpilogue&, const TensorView& y, const Conv2dParams&);

struct ConvKernels {
  Conv2dForward forward{};
  Conv2dForwardMoments forward_moments{};
  Conv2dGradInput grad_input{};
  Conv2dGradWeight grad_weight{};
  Conv2dGradBias grad_bias{};
  Conv2dForwardFused forward_fused{};
  SeparableConv2dFused separable_fused{};
  PixelsConv2dFused pixels_fused{};
};

}  // namespace fledge
