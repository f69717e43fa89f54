// Reference elementwise functions (list and gradients: kernels/api/eltwise.h). Computed in double, NaN goes through.
#include "kernels/api/eltwise_formulas.h"
#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {

// copy.cpp: the same two functions serve every compute dtype.
void copy(ExecContext&, const TensorView& from, const TensorView& to);
void fill(ExecContext&, const TensorView& to, double value);

namespace {

template <class T>
void unary(ExecContext&, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  for_each(
      x.dims,
      [&](int64_t i, int64_t o) { y.as<T>()[o] = static_cast<T>(unary_value<double>(op, x.as<T>()[i], p.a, p.b)); },
      x.strides, y.strides);
}

/// dx = dy * f'(x); a slope of 0 gives 0 even where dy is infinite, as a mask would.
template <class T>
void unary_backward(ExecContext&, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView&,
                    const TensorView& dx, const UnaryParams& p) {
  for_each(
      dx.dims,
      [&](int64_t g, int64_t i, int64_t o) {
        const double slope = unary_slope<double>(op, x.as<T>()[i], p.a, p.b);
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
