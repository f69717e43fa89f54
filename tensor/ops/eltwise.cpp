#include "tensor/ops/eltwise.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"
#include "tensor/ops/reduce.h"

namespace fledge {

namespace {

// Where the result of a and b lives: as a full-sized operand does, channels-last before contiguous.
Tensor binary_result(const Tensor& a, const Tensor& b, const Dims& dims) {
  if (prefers_channels_last(a) || prefers_channels_last(b)) {
    if (dims.rank() == 4) return Tensor::empty(dims, a.dtype(), Layout::ChannelsLast, a.device());
  }
  if (a.is_dense() && a.dims() == dims) return Tensor::empty_like(a);
  if (b.is_dense() && b.dims() == dims) return Tensor::empty_like(b);
  return Tensor::empty(dims, a.dtype(), Layout::Contiguous, a.device());
}

// The operand repeated to `dims` by strides of 0; only the view is made.
TensorView expanded_view(const Tensor& t, const Dims& dims) {
  TensorView view = t.view();
  if (view.dims == dims) return view;
  const int missing = dims.rank() - t.rank();
  view.dims = dims;
  view.strides = Dims::filled(dims.rank(), 0);
  view.holder = nullptr;
  for (int i = missing; i < dims.rank(); ++i)
    if (t.dims()[i - missing] == dims[i]) view.strides[i] = t.strides()[i - missing];
  return view;
}

}  // namespace

Tensor unary(UnaryOp op, const Tensor& x, const UnaryParams& params) {
  const char* name = name_of(op);
  check::defined(name, {x, "input"});
  const auto forward = kernel<&KernelTable::eltwise, &EltwiseKernels::unary>(name, x);
  if (!x.is_dense()) return unary(op, dense(name, "input", x), params);
  Tensor y = Tensor::empty_like(x);
  if (y.numel() > 0) forward(context(), op, x.view(), y.view(), params);
  return y;
}

Tensor unary_backward(UnaryOp op, const Tensor& dy, const Tensor& x, const Tensor& y, const UnaryParams& params) {
  const char* name = name_of(op);
  check::defined(name, {x, "input"});
  check::fits(name, {x, "input"}, {dy, "output gradient"}, x.dims(), "the input's sizes");
  check::fits(name, {x, "input"}, {y, "output"}, x.dims(), "the input's sizes");
  const auto backward = kernel<&KernelTable::eltwise, &EltwiseKernels::unary_backward>(name, x);
  if (!x.is_dense()) return unary_backward(op, dy, dense(name, "input", x), y, params);
  Tensor dx = Tensor::empty_like(x);
  if (dx.numel() == 0) return dx;
  const Tensor gradient = in_layout_of(name, "output gradient", dy, x), output = in_layout_of(name, "output", y, x);
  backward(context(), op, gradient.view(), x.view(), output.view(), dx.view(), params);
  return dx;
}

Tensor relu(const Tensor& x) { return unary(UnaryOp::ReLU, x); }
Tensor relu6(const Tensor& x) { return unary(UnaryOp::ReLU6, x); }
Tensor exp(const Tensor& x) { return unary(UnaryOp::Exp, x); }
Tensor log(const Tensor& x) { return unary(UnaryOp::Log, x); }
Tensor sqrt(const Tensor& x) { return unary(UnaryOp::Sqrt, x); }
Tensor square(const Tensor& x) { return unary(UnaryOp::Square, x); }
Tensor abs(const Tensor& x) { return unary(UnaryOp::Abs, x); }
Tensor softplus(const Tensor& x) { return unary(UnaryOp::Softplus, x); }
Tensor clamp(const Tensor& x, double low, double high) { return unary(UnaryOp::Clamp, x, {low, high}); }
Tensor affine(const Tensor& x, double scale, double shift) { return unary(UnaryOp::Affine, x, {scale, shift}); }

Dims broadcast_dims(const Dims& a, const Dims& b, const char* op) {
  const Dims& longer = a.rank() >= b.rank() ? a : b;
  const Dims& shorter = a.rank() >= b.rank() ? b : a;
  Dims result = longer;
  const int missing = longer.rank() - shorter.rank();
  for (int i = missing; i < longer.rank(); ++i) {
    const std::int64_t s = shorter[i - missing];
    if (longer[i] == 1) {
      result[i] = s;
    } else if (s != 1 && s != longer[i]) [[unlikely]] {
      check::fail(op, "sizes do not broadcast: " + to_string(a) + " with " + to_string(b),
                  "aligned at the last axis, sizes must be equal or 1");
    }
  }
  return result;
}

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  const char* name = name_of(op);
  check::defined(name, {a, "left operand"});
  check::defined(name, {b, "right operand"});
  check::same_kind(name, {a, "left operand"}, {b, "right operand"});
  const Dims dims = broadcast_dims(a.dims(), b.dims(), name);
  const auto forward = kernel<&KernelTable::eltwise, &EltwiseKernels::binary>(name, a);
  Tensor y = binary_result(a, b, dims);
  if (y.numel() > 0) forward(context(), op, expanded_view(a, dims), expanded_view(b, dims), y.view());
  return y;
}

Tensor add(const Tensor& a, const Tensor& b) { return binary(BinaryOp::Add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(BinaryOp::Sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(BinaryOp::Mul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(BinaryOp::Div, a, b); }

void add_(const Tensor& a, const Tensor& b) {
  constexpr const char* op = "add_";
  check::defined(op, {a, "left operand"});
  check::fits(op, {a, "left operand"}, {b, "right operand"}, a.dims(), "the left operand's sizes");
  check::writable(op, {a, "left operand"});
  const auto forward = kernel<&KernelTable::eltwise, &EltwiseKernels::binary>(op, a);
  const TensorView target = a.view();
  if (a.numel() > 0) forward(context(), BinaryOp::Add, target, b.view(), target);
  a.bump_version();
}

Tensor sum_to(const Tensor& t, const Dims& dims) {
  check::defined("sum_to", {t, "input"});
  if (t.dims() == dims) return t;
  const int missing = t.rank() - dims.rank();
  std::vector<int> axes;
  for (int i = 0; i < t.rank(); ++i) {
    const std::int64_t wanted = i < missing ? 1 : missing < 0 ? -1 : dims[i - missing];
    if (wanted == t.dims()[i]) continue;
    if (wanted != 1) check::fail("sum_to", to_string(dims) + " does not broadcast to " + describe(t));
    axes.push_back(i);
  }
  if (missing < 0) check::fail("sum_to", to_string(dims) + " does not broadcast to " + describe(t));
  return axes.empty() ? t.reshape(dims) : sum(t, axes, true).reshape(dims);
}

}  // namespace fledge
