// Batch normalisation over N,H,W per channel, fused with an optional residual add and an activation as one kernel:
//   y = act( gamma * (x - mean) * invstd + beta + residual ),  invstd = 1/sqrt(var + eps)   (Ioffe & Szegedy 2015)
// Saved statistics are always mean and invstd. The running variance is the unbiased one, as in PyTorch:
//   running = (1 - momentum) * running + momentum * batch_statistic.
// Statistics and gamma/beta have the compute dtype, C elements, contiguous.
#pragma once
#include "kernels/api/conv.h"

namespace fledge {

struct BatchNormParams {
  double eps = 1e-5;
  double momentum = 0.1;
  Activation activation = Activation::None;
};

/// Training: uses and returns the batch's statistics; updates running_mean/running_var unless null.
/// x, residual (nullable), y: N,C,H,W   mean, invstd: C, written.
using BatchNormTrainForward = void (*)(ExecContext&, const TensorView& x, const TensorView& gamma,
                                       const TensorView& beta, const TensorView* residual, const TensorView& y,
                                       const TensorView& mean, const TensorView& invstd, const TensorView* running_mean,
                                       const TensorView* running_var, const BatchNormParams&);
/// Training, where a convolution has taken x's moments (ConvKernels::forward_moments): 2,C, double. Null in a table
/// whose convolutions do not.
using BatchNormFromMoments = void (*)(ExecContext&, const TensorView& x, const TensorView& moments,
                                      const TensorView& gamma, const TensorView& beta, const TensorView* residual,
                                      const TensorView& y, const TensorView& mean, const TensorView& invstd,
                                      const TensorView* running_mean, const TensorView* running_var,
                                      const BatchNormParams&);
/// Evaluation: uses the given mean and variance.
using BatchNormEvalForward = void (*)(ExecContext&, const TensorView& x, const TensorView& gamma,
                                      const TensorView& beta, const TensorView& mean, const TensorView& var,
                                      const TensorView* residual, const TensorView& y, const BatchNormParams&);
/// What the backward kernel reads: dz = dy masked by the activation (y is its output: ReLU mask is y > 0, ReLU6
/// 0 < y < 6). With `beta` y is found anew, to the bit, from x, so that nobody need keep it: on the CPU, with batch
/// statistics, where no residual was added.
struct BatchNormBackwardArgs {
  const TensorView& dy;
  const TensorView& x;
  const TensorView& y;  // output after the activation; its values are only read when activation != None and no beta
  const TensorView& gamma;
  const TensorView& mean;            // C
  const TensorView& invstd;          // C
  const TensorView* beta = nullptr;  // C
};
/// On the CPU dx may be the memory of x or of dy, and dresidual that of dy.
struct BatchNormGrads {
  const TensorView* dx = nullptr;         // N,C,H,W, overwritten; nullable
  const TensorView* dgamma = nullptr;     // C, overwritten; nullable
  const TensorView* dbeta = nullptr;      // C, overwritten; nullable
  const TensorView* dresidual = nullptr;  // N,C,H,W = dz, overwritten; nullable
};
/// `batch_statistics`: true if mean/invstd were computed from x (training), false if they were constants (evaluation).
using BatchNormBackward = void (*)(ExecContext&, const BatchNormBackwardArgs&, const BatchNormGrads&,
                                   bool batch_statistics, const BatchNormParams&);

/// A batch norm in training and the convolution of one tap behind it: y = conv(z, w), where z (N,C,H,W, never written)
/// is what batch_norm_from_moments makes of x; and y's moments, as conv.forward_moments gives them. Between the two
/// convolutions of MobileNet's block (Howard et al. 2017, figure 3). w: K,C,1,1  y: N,K,H,W  y_moments: 2,K, double.
/// Null in a table whose kernels do as well one by one.
using BatchNormPointwise = void (*)(ExecContext&, const TensorView& x, const TensorView& moments,
                                    const TensorView& gamma, const TensorView& beta, const TensorView& mean,
                                    const TensorView& invstd, const TensorView* running_mean,
                                    const TensorView* running_var, const TensorView& w, const TensorView& y,
                                    const TensorView& y_moments, const BatchNormParams&);
struct BatchNormPointwiseArgs {
  const TensorView& dy;     // N,K,H,W
  const TensorView& x;      // z is found anew from it, to the bit
  const TensorView& gamma;  // C
  const TensorView& beta;
  const TensorView& mean;
  const TensorView& invstd;
  const TensorView& w;  // K,C,1,1
};
/// Each nullable, and overwritten. dx, of x's dims, lies in no other argument's memory.
struct BatchNormPointwiseGrads {
  const TensorView *dx = nullptr, *dgamma = nullptr, *dbeta = nullptr, *dw = nullptr;
};
/// Null where the other is.
using BatchNormPointwiseBackward = void (*)(ExecContext&, const BatchNormPointwiseArgs&, const BatchNormPointwiseGrads&,
                                            const BatchNormParams&);

struct NormKernels {
  BatchNormTrainForward batch_norm_train{};
  BatchNormFromMoments batch_norm_from_moments{};
  BatchNormEvalForward batch_norm_eval{};
  BatchNormBackward batch_norm_backward{};
  BatchNormPointwise batch_norm_pointwise{};
  BatchNormPointwiseBackward batch_norm_pointwise_backward{};
};

}  // namespace fledge
