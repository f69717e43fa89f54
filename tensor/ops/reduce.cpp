#include "tensor/ops/reduce.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

// One bit per reduced axis.
unsigned reduced_axes(const char* op, const Dims& x, const std::vector<int>& axes) {
  if (axes.empty()) return (1u << x.rank()) - 1;
  unsigned bits = 0;
  for (int axis : axes) {
    const int positive = axis < 0 ? axis + x.rank() : axis;
    if (positive < 0 || positive >= x.rank()) [[unlikely]]
      check::fail(op, "no axis " + std::to_string(axis) + " in " + to_string(x));
    if (bits & (1u << positive)) [[unlikely]]
      check::fail(op, "axis " + std::to_string(axis) + " is given twice");
    bits |= 1u << positive;
  }
  return bits;
}

Dims with_ones(const Dims& x, unsigned bits) {
  Dims dims = x;
  for (int i = 0; i < x.rank(); ++i)
    if (bits & (1u << i)) dims[i] = 1;
  return dims;
}

Dims without(const Dims& x, unsigned bits) {
  Dims dims;
  for (int i = 0; i < x.rank(); ++i)
    if (!(bits & (1u << i))) dims.push_back(x[i]);
  return dims;
}

// softmax and its like: rows of a matrix to a result of `dims`.
template <auto Entry>
Tensor rows_forward(const char* op, const Tensor& x, const Dims& dims) {
  const auto forward = kernel<&KernelTable::reduce, Entry>(op, x);
  if (x.dim(1) == 0) check::fail(op, "rows without elements: input " + describe(x));
  Tensor y = Tensor::empty(dims, x.dtype(), Layout::Contiguous, x.device());
  if (y.numel() > 0) forward(context(), ContiguousArg(op, "input", x), y.view());
  return y;
}

template <auto Entry>
Tensor rows_backward(const char* op, const Tensor& dy, const Tensor& y) {
  check::rank(op, {y, "output"}, 2);
  check::fits(op, {y, "output"}, {dy, "output gradient"}, y.dims(), "the output's sizes");
  const auto backward = kernel<&KernelTable::reduce, Entry>(op, y);
  Tensor dx = Tensor::empty(y.dims(), y.dtype(), Layout::Contiguous, y.device());
  if (dx.numel() > 0)
    backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "output", y), dx.view());
  return dx;
}

}  // namespace

Tensor reduce(ReduceOp op, const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  const char* name = name_of(op);
  check::defined(name, {x, "input"});
  const unsigned bits = reduced_axes(name, x.dims(), axes);
  const auto forward = kernel<&KernelTable::reduce, &ReduceKernels::reduce>(name, x);
  const bool channels_last = keep_dims && prefers_channels_last(x);
  const Layout layout = channels_last ? Layout::ChannelsLast : Layout::Contiguous;
  Tensor y = Tensor::empty(with_ones(x.dims(), bits), x.dtype(), layout, x.device());
  if (y.numel() > 0) {
    if (y.dims() == x.dims()) {  // each element is its own sum, mean and extreme
      y.copy_from(x);
    } else if (x.numel() > 0) {
      forward(context(), op, x.view(), y.view());
    } else if (op == ReduceOp::Sum) {
      y.fill(0);
    } else {
      check::fail(name, "nothing to reduce: input " + describe(x));
    }
  }
  return keep_dims ? y : y.reshape(without(x.dims(), bits));
}

Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  return reduce(ReduceOp::Sum, x, axes, keep_dims);
}
Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  return reduce(ReduceOp::Mean, x, axes, keep_dims);
}
Tensor max(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  return reduce(ReduceOp::Max, x, axes, keep_dims);
}
Tensor min(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  return reduce(ReduceOp::Min, x, axes, keep_dims);
}

Tensor reduce_extreme_backward(const Tensor& dy_keep, const Tensor& x, const Tensor& y_keep) {
  constexpr const char* op = "reduce_extreme_backward";
  check::defined(op, {x, "input"});
  check::defined(op, {y_keep, "output"});
  if (y_keep.rank() != x.rank())
    check::fail(op, "output must keep the reduced axes: input " + describe(x) + ", output " + describe(y_keep));
  Dims kept = x.dims();
  for (int i = 0; i < x.rank(); ++i)
    if (y_keep.dims()[i] == 1) kept[i] = 1;
  check::fits(op, {x, "input"}, {y_keep, "output"}, kept, "the input's sizes with reduced axes 1");
  check::fits(op, {x, "input"}, {dy_keep, "output gradient"}, kept, "the output's sizes");
  const auto backward = kernel<&KernelTable::reduce, &ReduceKernels::extreme_backward>(op, x);
  Tensor dx = Tensor::empty_like(x);
  if (dx.numel() > 0) backward(context(), dy_keep.view(), x.view(), y_keep.view(), dx.view());
  return dx;
}

Dims reduced_dims(const Dims& x, const std::vector<int>& axes) {
  return with_ones(x, reduced_axes("reduced_dims", x, axes));
}

Tensor softmax(const Tensor& x) {
  check::rank("softmax", {x, "input"}, 2);
  return rows_forward<&ReduceKernels::softmax>("softmax", x, x.dims());
}
Tensor softmax_backward(const Tensor& dy, const Tensor& y) {
  return rows_backward<&ReduceKernels::softmax_backward>("softmax_backward", dy, y);
}
Tensor log_softmax(const Tensor& x) {
  check::rank("log_softmax", {x, "input"}, 2);
  return rows_forward<&ReduceKernels::log_softmax>("log_softmax", x, x.dims());
}
Tensor log_softmax_backward(const Tensor& dy, const Tensor& y) {
  return rows_backward<&ReduceKernels::log_softmax_backward>("log_softmax_backward", dy, y);
}
Tensor log_sum_exp(const Tensor& x) {
  check::rank("log_sum_exp", {x, "input"}, 2);
  return rows_forward<&ReduceKernels::log_sum_exp>("log_sum_exp", x, {x.dim(0)});
}

Tensor log_sum_exp_backward(const Tensor& dy, const Tensor& x, const Tensor& y) {
  constexpr const char* op = "log_sum_exp_backward";
  check::rank(op, {x, "input"}, 2);
  check::fits(op, {x, "input"}, {y, "output"}, {x.dim(0)}, "one per row");
  check::fits(op, {x, "input"}, {dy, "output gradient"}, {x.dim(0)}, "one per row");
  const auto backward = kernel<&KernelTable::reduce, &ReduceKernels::log_sum_exp_backward>(op, x);
  Tensor dx = Tensor::empty(x.dims(), x.dtype(), Layout::Contiguous, x.device());
  if (dx.numel() == 0) return dx;
  backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "input", x),
           ContiguousArg(op, "output", y), dx.view());
  return dx;
}

MaskedExtreme masked_row_extreme(const Tensor& x, const Tensor& mask, bool maximum) {
  constexpr const char* op = "masked_row_extreme";
  check::rank(op, {x, "input"}, 2);
  check::rank(op, {mask, "mask"}, 2);
  check::dtype(op, {mask, "mask"}, DType::UInt8);
  check::same_dims(op, {x, "input"}, {mask, "mask"});
  check::same_device(op, {x, "input"}, {mask, "mask"});
  const auto forward = kernel<&KernelTable::reduce, &ReduceKernels::masked_row_extreme>(op, x);
  const Dims rows{x.dim(0)};
  MaskedExtreme result{Tensor::empty(rows, x.dtype(), Layout::Contiguous, x.device()),
                       Tensor::empty(rows, DType::Int64, Layout::Contiguous, x.device())};
  if (x.dim(0) == 0) return result;
  forward(context(), maximum, ContiguousArg(op, "input", x), ContiguousArg(op, "mask", mask), result.value.view(),
          result.index.view());
  return result;
}

Tensor masked_row_extreme_backward(const Tensor& dy, const Tensor& index, std::int64_t columns) {
  constexpr const char* op = "masked_row_extreme_backward";
  check::rank(op, {dy, "output gradient"}, 1);
  check::rank(op, {index, "index"}, 1);
  check::dtype(op, {index, "index"}, DType::Int64);
  check::same_dims(op, {dy, "output gradient"}, {index, "index"});
  check::same_device(op, {dy, "output gradient"}, {index, "index"});
  const auto backward = kernel<&KernelTable::reduce, &ReduceKernels::masked_row_extreme_backward>(op, dy);
  Tensor dx = Tensor::empty({dy.dim(0), columns}, dy.dtype(), Layout::Contiguous, dy.device());
  if (dx.numel() == 0) return dx;
  backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "index", index), dx.view());
  return dx;
}

TopK row_top_k(const Tensor& x, std::int64_t k, bool largest) {
  constexpr const char* op = "row_top_k";
  check::rank(op, {x, "input"}, 2);
  if (k < 0 || k > x.dim(1))
    check::fail(op, "k = " + std::to_string(k) + " is not in 0 ... " + std::to_string(x.dim(1)));
  const auto forward = kernel<&KernelTable::reduce, &ReduceKernels::row_top_k>(op, x);
  const Dims dims{x.dim(0), k};
  TopK result{Tensor::empty(dims, x.dtype(), Layout::Contiguous, x.device()),
              Tensor::empty(dims, DType::Int64, Layout::Contiguous, x.device())};
  if (result.value.numel() > 0)
    forward(context(), largest, ContiguousArg(op, "input", x), result.value.view(), result.index.view());
  return result;
}

}  // namespace fledge
