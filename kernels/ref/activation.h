// The activations that other kernels fuse, and the masks of their gradients.
#pragma once
#include "kernels/api/conv.h"

namespace fledge::ref {

/// None: v, ReLU: max(v, 0), ReLU6: min(max(v, 0), 6). NaN stays NaN, so that a finiteness check still sees it.
inline double activate(Activation a, double v) {
  if (a != Activation::None && v < 0) return 0;
  if (a == Activation::ReLU6 && v > 6) return 6;
  return v;
}

/// Whether a gradient passes, judged by the activation's OUTPUT y: ReLU y > 0, ReLU6 0 < y < 6.
inline bool passes_gradient(Activation a, double y) {
  if (a == Activation::None) return true;
  return y > 0 && (a == Activation::ReLU || y < 6);
}

}  // namespace fledge::ref
