// InferenceProgram: the straight-line form of a backbone for inference. Batch norm is folded into the convolution
// before it, bias + residual + activation are the convolution's epilogue (kernel conv.forward_fused). No gradients, no
// graph. A backbone writes it in Backbone::lower; nn/fuse runs it.
#pragma once
#include <vector>

#include "kernels/api/pool.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"

namespace fledge {

class InferenceProgram {
 public:
  /// The number of a value: 0 is the input, each step makes the next one.
  using Value = int;
  static constexpr Value kInput = 0;
  static constexpr Value kNone = -1;

  /// act(bn(conv(x)) + residual) as one step, with the running statistics of `bn`:
  ///   w'[k,...] = w[k,...] * s_k   b'[k] = bn.bias[k] + (conv.bias[k] - mean[k]) * s_k
  ///   where s_k = bn.weight[k] / sqrt(var[k] + eps)
  /// computed on the CPU in float64 and stored there in the weights' dtype.
  Value conv(Value x, const Conv2d& conv, const BatchNorm2d& bn, Activation activation, Value residual = kNone);
  Value max_pool(Value x, const Pool2dParams& params);

  /// Moves the weights to where, and converts them to what, run() gets. bfloat16: biases stay float32.
  void to(Device device, DType dtype);

  /// The newest value: what run() returns.
  Value last() const { return static_cast<Value>(steps_.size()); }

  /// x: N,3,H,W of the weights' device and dtype -> the last value. Intermediate values
  /// are freed after their last use. Reentrant.
  Tensor run(const Tensor& x) const;

 private:
  struct Step {
    Value x = kNone, residual = kNone;
    Tensor weight, bias;  // undefined: a max pool
    Activation activation = Activation::None;
    Conv2dParams conv;
    Pool2dParams pool;
    std::vector<Value> done;  // values that nobody reads after this step
  };
  Value append(Step step);
  Value check(Value v) const;

  std::vector<Step> steps_;
};

}  // namespace fledge
