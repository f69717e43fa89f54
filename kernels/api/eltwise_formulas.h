// The unary functions as formulas, in float or double, for kernels that compute element by element; NaN goes through.
// The SIMD kernels have theirs in vectors (kernels/cpu/simd/eltwise.cpp).
#pragma once
#include <cmath>

#include "kernels/api/eltwise.h"

namespace fledge {

/// f(x).
template <class T>
constexpr T unary_value(UnaryOp op, T x, T a, T b) {
  switch (op) {
    case UnaryOp::ReLU:
      return x < 0 ? 0 : x;
    case UnaryOp::ReLU6:
      return x < 0 ? 0 : x > 6 ? 6 : x;
    case UnaryOp::Exp:
      return std::exp(x);
    case UnaryOp::Log:
      return std::log(x);
    case UnaryOp::Sqrt:
      return std::sqrt(x);
    case UnaryOp::Square:
      return x * x;
    case UnaryOp::Abs:
      return std::fabs(x);
    case UnaryOp::Clamp:
      return x < a ? a : x > b ? b : x;
    case UnaryOp::Affine:
      return a * x + b;
    // log(1+e^x) = max(x,0) + log(1+e^-|x|): the exponential never exceeds 1.
    case UnaryOp::Softplus:
      return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
  }
  return 0;
}

/// f'(x). At the kinks: ReLU 0 at 0; ReLU6 0 at 0 and 6; Sqrt and Abs 0 at 0; Clamp 1 on both ends.
template <class T>
constexpr T unary_slope(UnaryOp op, T x, T a, T b) {
  switch (op) {
    case UnaryOp::ReLU:
      return x > 0;
    case UnaryOp::ReLU6:
      return x > 0 && x < 6;
    case UnaryOp::Exp:
      return std::exp(x);
    case UnaryOp::Log:
      return 1 / x;
    case UnaryOp::Sqrt:
      return x == 0 ? 0 : T(0.5) / std::sqrt(x);
    case UnaryOp::Square:
      return 2 * x;
    case UnaryOp::Abs:
      return static_cast<T>((x > 0) - (x < 0));
    case UnaryOp::Clamp:
      return x >= a && x <= b;
    case UnaryOp::Affine:
      return a;
    case UnaryOp::Softplus:
      return 1 / (1 + std::exp(-x));
  }
  return 0;
}

}  // namespace fledge
