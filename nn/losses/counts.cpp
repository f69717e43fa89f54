#include "nn/losses/counts.h"

#include <limits>

#include "autograd/ops/eltwise.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What to divide by: totals over no elements are 0 and stay so.
Tensor at_least_one(const Tensor& count) { return clamp(count, 1, kInfinity); }

Tensor tensor_of(const LoggedNumber& n, const Tensor& like) {
  return n.tensor().defined() ? n.tensor() : scalar(n.value(), like.dtype(), like.device());
}

bool both_here(const LoggedNumber& a, const LoggedNumber& b) { return !a.tensor().defined() && !b.tensor().defined(); }

const Tensor& tensor_among(const LoggedNumber& a, const LoggedNumber& b) {
  return a.tensor().defined() ? a.tensor() : b.tensor();
}

}  // namespace

// There are no comparing kernels: the slopes of functions with kinks compare.
Tensor above_zero(const Tensor& x) { return unary_backward(UnaryOp::ReLU, ones_like(x), x, x); }
Tensor not_below_zero(const Tensor& x) {
  return unary_backward(UnaryOp::Clamp, ones_like(x), x, x, {.a = 0, .b = kInfinity});
}
Tensor not_none(const Tensor& count) { return clamp(count, 0, 1); }
Tensor factors(const Tensor& mask, DType dtype) { return mask.to(dtype); }

LoggedNumber count_of(const Tensor& mask) {
  if (!on_host(mask)) return sum(factors(mask, DType::Float32));
  const Tensor dense = mask.contiguous();
  const std::uint8_t* marks = dense.data<std::uint8_t>();
  double count = 0;
  for (std::int64_t i = 0; i < dense.numel(); ++i) count += marks[i];
  return count;
}

LoggedNumber total_of(const Tensor& x, double divisor) {
  const Tensor total = x.numel() == 1 ? x.reshape({}) : sum(x);
  if (on_host(x)) return total.item() / divisor;
  return divisor == 1 ? total : affine(total, 1 / divisor, 0);
}

LoggedNumber plus(const LoggedNumber& a, const LoggedNumber& b) {
  if (both_here(a, b)) return a.value() + b.value();
  const Tensor& there = tensor_among(a, b);
  return add(tensor_of(a, there), tensor_of(b, there));
}

LoggedNumber times(const LoggedNumber& a, double factor) {
  return a.tensor().defined() ? LoggedNumber(affine(a.tensor(), factor, 0)) : LoggedNumber(a.value() * factor);
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

LoggedNumber ratio(const LoggedNumber& a, const LoggedNumber& b) {
  if (both_here(a, b)) return ratio(a.value(), b.value());
  const Tensor& there = tensor_among(a, b);
  return div(tensor_of(a, there), at_least_one(tensor_of(b, there)));
}

Variable over(const Variable& total, const LoggedNumber& count) {
  if (!count.tensor().defined()) return affine(total, ratio(1, count.value()), 0);
  return total / Variable(at_least_one(count.tensor()));
}

// On the CPU as one pass with a number: products with a broadcast element are slow there.
Tensor times_scalar(const Tensor& gradient, const Tensor& dy, double factor, double divisor) {
  if (on_host(dy)) return affine(gradient, dy.item() * factor / divisor, 0);
  return mul(gradient, factor == divisor ? dy : affine(dy, factor / divisor, 0));
}

}  // namespace fledge
