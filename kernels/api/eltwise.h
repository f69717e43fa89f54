// Elementwise work: unary functions, binary arithmetic with broadcasting, copies, casts, fills.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// y = f(x). `a`, `b` are the scalars of the functions that have some.
enum class UnaryOp : unsigned char {
  ReLU,   // max(x, 0)                    grad: x > 0
  ReLU6,  // min(max(x, 0), 6)            grad: 0 < x < 6
  Exp,
  Log,
  Sqrt,
  Square,
  Abs,       // grad of Sqrt at 0 is defined as 0, of Abs at 0 as 0
  Clamp,     // min(max(x, a), b)            grad: a <= x <= b (as PyTorch)
  Affine,    // a * x + b
  Softplus,  // log(1 + exp(x)), computed without overflow
};
enum class BinaryOp : unsigned char { Add, Sub, Mul, Div };

constexpr const char* name_of(UnaryOp op) {
  switch (op) {
    case UnaryOp::ReLU:
      return "relu";
    case UnaryOp::ReLU6:
      return "relu6";
    case UnaryOp::Exp:
      return "exp";
    case UnaryOp::Log:
      return "log";
    case UnaryOp::Sqrt:
      return "sqrt";
    case UnaryOp::Square:
      return "square";
    case UnaryOp::Abs:
      return "abs";
    case UnaryOp::Clamp:
      return "clamp";
    case UnaryOp::Affine:
      return "affine";
    case UnaryOp::Softplus:
      return "softplus";
  }
  return "?";
}

constexpr const char* name_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
      return "add";
    case BinaryOp::Sub:
      return "sub";
    case BinaryOp::Mul:
      return "mul";
    case BinaryOp::Div:
      return "div";
  }
  return "?";
}

struct UnaryParams {
  double a = 0, b = 0;
};

/// x, y: same dims.
using UnaryForward = void (*)(ExecContext&, UnaryOp, const TensorView& x, const TensorView& y, const UnaryParams&);
/// dx = dy * f'(x); y = f(x) is given too, whichever is cheaper is read. All same dims; dx may be dy (in place).
using UnaryBackward = void (*)(ExecContext&, UnaryOp, const TensorView& dy, const TensorView& x, const TensorView& y,
                               const TensorView& dx, const UnaryParams&);
/// a, b already expanded to y's dims (stride 0 on broadcast axes); y may be a or b.
using BinaryForward = void (*)(ExecContext&, BinaryOp, const TensorView& a, const TensorView& b, const TensorView& y);
/// Any strides on both sides, any pair of dtypes (cast: float to integer truncates).
using Copy = void (*)(ExecContext&, const TensorView& from, const TensorView& to);
using Fill = void (*)(ExecContext&, const TensorView& to, double value);

struct EltwiseKernels {
  UnaryForward unary{};
  UnaryBackward unary_backward{};
  BinaryForward binary{};
  Copy copy{};
  Fill fill{};
};

}  // namespace fledge
