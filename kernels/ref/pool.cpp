// Reference pooling (contract: kernels/api/pool.h).
//   max:  y[n,c,p,q] = max over the window's taps inside the picture; index = h*W + w of the first maximum, NaN above
//   all mean: y[n,c] = sum_{h,w} x[n,c,h,w] / (H*W)
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

/// Value and flat position of a window's maximum. A window wholly in the padding gives -infinity and -1.
template <class T>
struct Maximum {
  T value = -std::numeric_limits<T>::infinity();
  int64_t index = -1;

  void offer(T v, int64_t at) {
    if (index >= 0 && !(v > value || (std::isnan(v) && !std::isnan(value)))) return;
    value = v;
    index = at;
  }
};

template <class T>
Maximum<T> window_maximum(const TensorView& x, int64_t n, int64_t c, int64_t top, int64_t left, const Pool2dParams& p) {
  const int64_t height = x.dims[2], width = x.dims[3];
  Maximum<T> best;
  for (int64_t h = std::max<int64_t>(0, top); h < std::min(height, top + p.kernel_h); ++h)
    for (int64_t w = std::max<int64_t>(0, left); w < std::min(width, left + p.kernel_w); ++w)
      best.offer(at<T>(x, n, c, h, w), h * width + w);
  return best;
}

template <class T>
void max_pool2d(ExecContext&, const TensorView& x, const TensorView& y, const TensorView* indices,
                const Pool2dParams& p) {
  for (int64_t n = 0; n < y.dims[0]; ++n)
    for (int64_t c = 0; c < y.dims[1]; ++c)
      for (int64_t h = 0; h < y.dims[2]; ++h)
        for (int64_t q = 0; q < y.dims[3]; ++q) {
          const auto best = window_maximum<T>(x, n, c, h * p.stride_h - p.pad_top, q * p.stride_w - p.pad_left, p);
          at<T>(y, n, c, h, q) = best.value;
          if (indices) at<std::int32_t>(*indices, n, c, h, q) = static_cast<std::int32_t>(best.index);
        }
}

template <class T>
void max_pool2d_backward(ExecContext&, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                         const Pool2dParams&) {
  for_each(
      dx.dims, [&](int64_t o) { dx.as<T>()[o] = 0; }, dx.strides);
  const int64_t width = dx.dims[3];
  for (int64_t n = 0; n < dy.dims[0]; ++n)
    for (int64_t c = 0; c < dy.dims[1]; ++c)
      for (int64_t h = 0; h < dy.dims[2]; ++h)
        for (int64_t q = 0; q < dy.dims[3]; ++q) {
          const std::int32_t index = at<std::int32_t>(indices, n, c, h, q);
          if (index >= 0) at<T>(dx, n, c, index / width, index % width) += at<T>(dy, n, c, h, q);
        }
}

template <class T>
void global_avg_pool(ExecContext&, const TensorView& x, const TensorView& y) {
  for (int64_t n = 0; n < x.dims[0]; ++n)
    for (int64_t c = 0; c < x.dims[1]; ++c) {
      double sum = 0;
      for (int64_t h = 0; h < x.dims[2]; ++h)
        for (int64_t w = 0; w < x.dims[3]; ++w) sum += at<T>(x, n, c, h, w);
      at<T>(y, n, c) = static_cast<T>(sum / static_cast<double>(x.dims[2] * x.dims[3]));
    }
}

template <class T>
void global_avg_pool_backward(ExecContext&, const TensorView& dy, const TensorView& dx) {
  const double pixels = static_cast<double>(dx.dims[2] * dx.dims[3]);
  const Dims dy_strides{dy.strides[0], dy.strides[1], 0, 0};
  for_each(
      dx.dims, [&](int64_t o, int64_t i) { dx.as<T>()[o] = static_cast<T>(dy.as<T>()[i] / pixels); }, dx.strides,
      dy_strides);
}

}  // namespace

template <class T>
PoolKernels pool_kernels() {
  return {.max_pool2d = &max_pool2d<T>,
          .max_pool2d_backward = &max_pool2d_backward<T>,
          .global_avg_pool = &global_avg_pool<T>,
          .global_avg_pool_backward = &global_avg_pool_backward<T>};
}

template PoolKernels pool_kernels<float>();
template PoolKernels pool_kernels<double>();

}  // namespace fledge::ref
