// Reference indexed reads and their adjoints (contract: kernels/api/gather.h). Indices are int64 and in range.
#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void take_along_row(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  for (int64_t r = 0; r < x.dims[0]; ++r) at<T>(y, r) = at<T>(x, r, at<int64_t>(index, r));
}

template <class T>
void take_along_row_backward(ExecContext&, const TensorView& dy, const TensorView& index, const TensorView& dx) {
  for (int64_t r = 0; r < dx.dims[0]; ++r)
    for (int64_t c = 0; c < dx.dims[1]; ++c) at<T>(dx, r, c) = at<int64_t>(index, r) == c ? at<T>(dy, r) : T(0);
}

template <class T>
void index_select(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  for (int64_t i = 0; i < index.dims[0]; ++i) {
    const int64_t row = at<int64_t>(index, i);
    for (int64_t c = 0; c < x.dims[1]; ++c) at<T>(y, i, c) = at<T>(x, row, c);
  }
}

template <class T>
void index_select_backward(ExecContext&, const TensorView& dy, const TensorView& index, const TensorView& dx) {
  for_each(
      dx.dims, [&](int64_t o) { dx.as<T>()[o] = 0; }, dx.strides);
  for (int64_t i = 0; i < index.dims[0]; ++i) {
    const int64_t row = at<int64_t>(index, i);
    for (int64_t c = 0; c < dx.dims[1]; ++c) at<T>(dx, row, c) += at<T>(dy, i, c);
  }
}

}  // namespace

template <class T>
GatherKernels gather_kernels() {
  return {.take_along_row = &take_along_row<T>,
          .take_along_row_backward = &take_along_row_backward<T>,
          .index_select = &index_select<T>,
          .index_select_backward = &index_select_backward<T>};
}

template GatherKernels gather_kernels<float>();
template GatherKernels gather_kernels<double>();

}  // namespace fledge::ref
