// The activations that kernels fuse, and the masks of their gradients (the same as kernels/ref/activation.h).
#pragma once
#include <cmath>

#include "kernels/api/conv.h"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

/// NaN stays NaN, so that a finiteness check still sees it (fminf and fmaxf would drop it).
/// Selects, not branches: a branch would keep the loads of the next row from being started.
__device__ inline float activate(Activation a, float v) {
  const float low = a == Activation::None ? -INFINITY : 0.0f, high = a == Activation::ReLU6 ? 6.0f : INFINITY;
  return v < low ? low : v > high ? high : v;
}

/// Whether a gradient passes, judged by the activation's output y.
__device__ inline bool passes_gradient(Activation a, float y) {
  return (a == Activation::None) | ((y > 0.0f) & ((a == Activation::ReLU) | (y < 6.0f)));
}

}  // namespace fledge::cuda
