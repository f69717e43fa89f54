// Reference reductions over any axes (contract: kernels/api/reduce.h). The rows of a matrix: rows.cpp.
#include <cmath>
#include <limits>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {

// rows.cpp fills the row-wise entries of the same group.
template <class T>
void fill_row_kernels(ReduceKernels& k);

namespace {

/// The axes a reduction runs over: x's size where y has size 1, 1 elsewhere.
Dims reduced_dims(const Dims& x, const Dims& y) {
  Dims d = x;
  for (int i = 0; i < d.rank(); ++i)
    if (y[i] == x[i]) d[i] = 1;
  return d;
}

template <class T>
double reduce_one(ReduceOp op, const T* x, const Dims& dims, const Dims& strides) {
  double sum = 0, extreme = op == ReduceOp::Max ? -std::numeric_limits<double>::infinity()
                                                : std::numeric_limits<double>::infinity();
  for_each(
      dims,
      [&](int64_t o) {
        const double v = x[o];
        sum += v;
        // NaN wins and stays, as in PyTorch's amax.
        if (std::isnan(v) || (op == ReduceOp::Max ? v > extreme : v < extreme)) extreme = v;
      },
      strides);
  switch (op) {
    case ReduceOp::Sum:
      return sum;
    case ReduceOp::Mean:
      return sum / static_cast<double>(dims.numel());
    default:
      return extreme;
  }
}

template <class T>
void reduce(ExecContext&, ReduceOp op, const TensorView& x, const TensorView& y) {
  const Dims inner = reduced_dims(x.dims, y.dims);
  for_each(
      y.dims,
      [&](int64_t i, int64_t o) { y.as<T>()[o] = static_cast<T>(reduce_one(op, x.as<T>() + i, inner, x.strides)); },
      x.strides, y.strides);
}

/// dx = dy / (number of ties) where x equals the extreme y, 0 elsewhere.
template <class T>
void extreme_backward(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                      const TensorView& dx) {
  const Dims inner = reduced_dims(x.dims, y.dims);
  for_each(
      y.dims,
      [&](int64_t xo, int64_t dxo, int64_t yo, int64_t dyo) {
        const T extreme = y.as<T>()[yo];
        const T* values = x.as<T>() + xo;
        T* grads = dx.as<T>() + dxo;
        int64_t ties = 0;
        for_each(
            inner, [&](int64_t i) { ties += values[i] == extreme; }, x.strides);
        const T share = ties > 0 ? static_cast<T>(dy.as<T>()[dyo] / static_cast<double>(ties)) : T(0);
        for_each(
            inner, [&](int64_t i, int64_t o) { grads[o] = values[i] == extreme ? share : T(0); }, x.strides,
            dx.strides);
      },
      x.strides, dx.strides, y.strides, dy.strides);
}

}  // namespace

template <class T>
ReduceKernels reduce_kernels() {
  ReduceKernels k{.reduce = &reduce<T>, .extreme_backward = &extreme_backward<T>};
  fill_row_kernels<T>(k);
  return k;
}

template ReduceKernels reduce_kernels<float>();
template ReduceKernels reduce_kernels<double>();

}  // namespace fledge::ref
