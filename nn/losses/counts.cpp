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

}  // namespace

// There are no comparing kernels: the slopes of functions with kinks compare.
Tensor above_zero(const Tensor& x) { return unary_backward(UnaryOp::ReLU, ones_like(x), x, x); }
Tensor not_below_zero(const Tensor& x) {
  return unary_backward(UnaryOp::Clamp, ones_like(x), x, x, {.a = 0, .b = kInfinity});
}
Tensor not_none(const Tensor& count) { return clamp(count, 0, 1); }

Tensor total_of(const Tensor& x, double divisor) {
  const Tensor total = sum(x);
  return divisor == 1 ? total : affine(total, 1 / divisor, 0);
}

Tensor ratio(const Tensor& a, const Tensor& b) { return div(a, at_least_one(b)); }
Variable over(const Variable& total, const Tensor& count) { return total / Variable(at_least_one(count)); }
Tensor mean_of_marked(const Tensor& x, const Tensor& factor) { return ratio(sum(mul(x, factor)), sum(factor)); }

}  // namespace fledge
