// The activations that kernels fuse, and the masks of their gradients (the same as kernels/ref/activation.h).
#pragma once
#include "kernels/api/conv.h"
#include "kernels/cuda/runtime.h"

namespace fledge::cuda {

/// NaN stays NaN, so that a finiteness check still sees it (fminf and fmaxf would drop it).
__device__ inline float activate(Activation a, float v) {
  if (a != Activation::None && v < 0.0f) return 0.0f;
  if (a == Activation::ReLU6 && v > 6.0f) return 6.0f;
  return v;
}

/// Whether a gradient passes, judged by the activation's output y.
__device__ inline bool passes_gradient(Activation a, float y) {
  if (a == Activation::None) return true;
  return y > 0.0f && (a == Activation::ReLU || y < 6.0f);
}

}  // namespace fledge::cuda
