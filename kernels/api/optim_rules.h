// A step (kernels/api/optim.h) as the numbers that hold for all elements of one parameter: what kernels in float32
// compute once for a tensor and then use for each element. g is the gradient, clipped already. Plain numbers only: the
// files of kernels/cpu/simd include it.
#pragma once

namespace fledge {

/// g += decay * w;  v = has_momentum ? momentum * v + g : g;  w -= lr * (nesterov ? g + momentum * v : v)
struct SgdRule {
  float lr, decay, momentum;
  bool has_momentum, nesterov;
};

/// g += decay * w;  m = beta1 * m + rest1 * g;  v = beta2 * v + rest2 * g^2
/// w = shrink * w - step_size * m / (root_scale * sqrt(v) + eps)
struct AdamRule {
  bool decoupled;
  float decay, shrink;               // decoupled: decay is 0, else shrink is 1
  float beta1, rest1, beta2, rest2;  // rest: 1 - beta
  float step_size, root_scale, eps;
};

}  // namespace fledge
