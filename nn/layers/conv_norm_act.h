// A convolution, the batch norm behind it, a residual add and the activation: what every block is made of.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "nn/layers/conv.h"
#include "nn/layers/norm.h"
#include "tensor/ops/image.h"

namespace fledge {

/// y = act(bn(conv(x)) + residual). x: N,C,H,W; residual: y's sizes, or undefined; float32, float64, or bfloat16 with
/// float32 weights.
/// While it trains, or where something wants a gradient, these are the nodes of autograd/ops/conv.h and norm.h. In
/// evaluation without a graph it is one kernel (conv.forward_fused) whose weights have the norm folded in (FoldedConv).
/// Errors: those of tensor/ops/conv.h. Its first inference after a change may not lie inside a recording: it folds on
/// the host.
Variable conv_norm_act(const Conv2d& conv, const BatchNorm2d& bn, Activation activation, const Variable& x,
                       const Variable& residual = {});

/// The same of pictures that are still bytes, without a residual. In evaluation without a graph one kernel where the
/// device has it (conv.pixels_fused); else they are normalized to the weights' dtype first.
Variable conv_norm_act(const Conv2d& conv, const BatchNorm2d& bn, Activation activation,
                       const StoredPictures& pictures);

struct ConvNorm {
  const Conv2d& conv;
  const BatchNorm2d& norm;
};
/// Two of them without residuals, a depthwise convolution and the 1 x 1 one behind it (MobileNet: Howard et al. 2017,
/// section 3.1). In evaluation without a graph one kernel (conv.separable_fused) where the device has it; in training
/// the first norm, with the batch's statistics, and the second convolution are one (batch_norm_pointwise), likewise.
Variable separable_conv_norm_act(const ConvNorm& depthwise, const ConvNorm& pointwise, Activation activation,
                                 const Variable& x);

/// The weights of such a convolution for inference, made once per version of what they are made of:
///   w'[k,...] = w[k,...] * s_k   b'[k] = bn.bias[k] + (conv.bias[k] - mean[k]) * s_k
///   s_k = bn.weight[k] / sqrt(var[k] + eps)
/// computed on the CPU in float64 and rounded to the weights' dtype. They go with Module::train() and to().
class FoldedConv {
 public:
  struct Weights {
    Tensor weight, bias;  // K,C/groups,R,S, channels-last; K: float32 where the weight is bfloat16
  };
  /// On the weights' device and of their dtype; bfloat16 where the input is that and they are float32. Threads may ask
  /// at the same time.
  Weights of(const Conv2d& conv, const BatchNorm2d& bn, std::optional<DType> input = {});
  /// The next of(), if it is on the CPU, gives the convolution's own weight up: what it then holds is NaN, without
  /// memory. For networks that nobody trains, saves or moves any more; while one runs, nobody else reads their weights.
  void keep_alone();
  /// Errors (Internal): they are all there is.
  void drop();

 private:
  void drop_locked();
  void give_up(const Conv2d& conv);
  bool is_of(const std::vector<Tensor>& sources, DType dtype) const;

  std::mutex mutex_;
  bool alone_ = false;
  Weights weights_;
  std::vector<std::pair<Tensor, std::uint64_t>> sources_;  // and their versions; they share the module's memory
};

}  // namespace fledge
