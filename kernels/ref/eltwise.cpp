// Reference elementwise functions (list and gradients: kernels/api/eltwise.h). Computed in double, NaN goes through.
#include <cmath>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {

// copy.cpp: the same two functions serve every compute dtype.
void copy(ExecContext&, const TensorView& from, const TensorView& to);
void fill(ExecContext&, const TensorView& to, double value);

namespace {

double unary_value(UnaryOp op, double x, const UnaryParams& p) {
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
      return x < p.a ? p.a : x > p.b ? p.b : x;
    case UnaryOp::Affine:
      return p.a * x + p.b;
    // log(1+e^x) = max(x,0) + log(1+e^-|x|): the exponential never exceeds 1.
    case UnaryOp::Softplus:
      return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
  }
  return 0;
}

/// f'(x). At the kinks: ReLU 0 at 0; ReLU6 0 at 0 and 6; Sqrt and Abs 0 at 0; Clamp 1 on both ends.
double unary_slope(UnaryOp op, double x, const UnaryParams& p) {
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
      return x == 0 ? 0 : 0.5 / std::sqrt(x);
    case UnaryOp::Square:
      return 2 * x;
    case UnaryOp::Abs:
      return (x > 0) - (x < 0);
    case UnaryOp::Clamp:
      return x >= p.a && x <= p.b;
    case UnaryOp::Affine:
      return p.a;
    case UnaryOp::Softplus:
      return 1 / (1 + std::exp(-x));
  }
  return 0;
}

template <class T>
void unary(ExecContext&, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  for_each(
      x.dims, [&](int64_t i, int64_t o) { y.as<T>()[o] = static_cast<T>(unary_value(op, x.as<T>()[i], p)); }, x.strides,
      y.strides);
}

/// dx = dy * f'(x); a slope of 0 gives 0 even where dy is infinite, as a mask would.
template <class T>
void unary_backward(ExecContext&, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView&,
                    const TensorView& dx, const UnaryParams& p) {
  for_each(
      dx.dims,
      [&](int64_t g, int64_t i, int64_t o) {
        const double slope = unary_slope(op, x.as<T>()[i], p);
        dx.as<T>()[o] = slope == 0 ? T(0) : static_cast<T>(dy.as<T>()[g] * slope);
      },
      dy.strides, x.strides, dx.strides);
}

template <class T>
T binary_value(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
  }
  return 0;
}

template <class T>
void binary(ExecContext&, BinaryOp op, const TensorView& a, const TensorView& b, const TensorView& y) {
  for_each(
      y.dims, [&](int64_t i, int64_t j, int64_t o) { y.as<T>()[o] = binary_value(op, a.as<T>()[i], b.as<T>()[j]); },
      a.strides, b.strides, y.strides);
}

}  // namespace

template <class T>
EltwiseKernels eltwise_kernels() {
  return {.unary = &unary<T>, .unary_backward = &unary_backward<T>, .binary = &binary<T>, .copy = &copy, .fill = &fill};
}

template EltwiseKernels eltwise_kernels<float>();
template EltwiseKernels eltwise_kernels<double>();

}  // namespace fledge::ref
