// Batch normalisation fused with residual add and activation (kernels/api/norm.h has the formula).
// x, residual, y: N,C,H,W (made channels-last); gamma, beta, statistics: C. residual may be undefined.
#pragma once
#include "kernels/api/norm.h"
#include "tensor/tensor.h"

namespace fledge {

struct BatchNormResult {
  Tensor y;             // N,C,H,W
  Tensor mean, invstd;  // C: what backward needs
};
struct BatchNormGradients {
  Tensor dx, dgamma, dbeta, dresidual;  // undefined where not asked for
};
struct BatchNormNeeds {
  bool dx = true, dgamma = true, dbeta = true, dresidual = false;
};

/// What lets backward do with less memory; all of it may be left out.
struct BatchNormReuse {
  Tensor beta;           // forward.y is found anew from x and may be undefined (BatchNormBackwardArgs::beta)
  Tensor dx, dresidual;  // channels-last memory for these: that of x or dy, that of dy. On the CPU only
};

/// Training: batch statistics; running_mean/running_var (undefined: not kept) are updated in place. moments: of x,
/// where conv2d has gathered them, else undefined.
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                 const Tensor& running_mean, const Tensor& running_var, const BatchNormParams& params,
                                 const Tensor& moments = {});
/// Evaluation: the given statistics are constants. The result's mean/invstd are filled for a backward pass.
BatchNormResult batch_norm_eval(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                const Tensor& running_mean, const Tensor& running_var, const BatchNormParams& params);
BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const BatchNormResult& forward,
                                       const Tensor& gamma, bool batch_statistics, const BatchNormNeeds& needs,
                                       const BatchNormParams& params, const BatchNormReuse& reuse = {});

/// Of a batch norm in training and the convolution of one tap behind it.
struct BatchNormPointwiseResult {
  Tensor y;             // N,K,H,W: conv2d of the norm's output, which is not kept
  Tensor mean, invstd;  // C: what backward needs
  Tensor moments;       // 2,K of y, as conv2d gathers them
};
/// Whether the device has the next two as kernels for such an x. They throw where it has not.
bool has_batch_norm_pointwise(const Tensor& x);
/// conv2d, without a bias, of batch_norm_train's output. w: K,C,1,1.
BatchNormPointwiseResult batch_norm_pointwise(const Tensor& x, const Tensor& moments, const Tensor& gamma,
                                              const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                                              const Tensor& w, const BatchNormParams& params);
struct BatchNormPointwiseGradients {
  Tensor dx, dgamma, dbeta, dw;  // undefined where not asked for
};
struct BatchNormPointwiseNeeds {
  bool dx = true, dgamma = true, dbeta = true, dw = true;
};
/// dy: N,K,H,W. forward: mean and invstd are read.
BatchNormPointwiseGradients batch_norm_pointwise_backward(const Tensor& dy, const Tensor& x,
                                                          const BatchNormPointwiseResult& forward, const Tensor& gamma,
                                                          const Tensor& beta, const Tensor& w,
                                                          const BatchNormPointwiseNeeds& needs,
                                                          const BatchNormParams& params);

}  // namespace fledge
