// An activation as the interval it clamps to: y = min(max(v, lo), hi); the gradient passes where lo < y < hi.
#pragma once
#include <limits>

#include "kernels/api/conv.h"

namespace fledge::cpu {

struct Bounds {
  float lo, hi;
};

inline Bounds bounds_of(Activation a) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  switch (a) {
    case Activation::ReLU:
      return {0, inf};
    case Activation::ReLU6:
      return {0, 6};
    default:
      return {-inf, inf};
  }
}

}  // namespace fledge::cpu
