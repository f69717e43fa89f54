// Reference convolution (formula, shapes and letters: kernels/api/conv.h). Every output element is one sum in double,
// so the gradients are written in gather form too: what reaches an element is summed there, in a fixed order.
#include <algorithm>
#include <vector>

#include "kernels/ref/activation.h"
#include "kernels/ref/moments.h"
#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

/// Filter taps [begin, end) that fall inside a picture of `size` when the filter's first tap is at `first`.
struct Taps {
  int64_t begin, end;
  Taps(int64_t first, int64_t filter, int64_t size)
      : begin(std::max<int64_t>(0, -first)), end(std::min(filter, size - first)) {}
};

/// The sum of n products, `a` and `b` walked with their own strides.
template <class T>
double dot(const T* a, int64_t a_stride, const T* b, int64_t b_stride, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i * a_stride]) * b[i * b_stride];
  return sum;
}

/// sum_{c,r,s} w[k,c,r,s] * x[n, c0+c, h0+r, w0+s], c0 being the first channel of k's group.
template <class T>
double conv_at(const TensorView& x, const TensorView& w, int64_t n, int64_t k, int64_t h0, int64_t w0, int64_t c0) {
  const Taps rows(h0, w.dims[2], x.dims[2]), cols(w0, w.dims[3], x.dims[3]);
  double sum = 0;
  for (int64_t r = rows.begin; r < rows.end; ++r)
    for (int64_t s = cols.begin; s < cols.end; ++s)
      sum += dot(&at<T>(x, n, c0, h0 + r, w0 + s), x.strides[1], &at<T>(w, k, 0, r, s), w.strides[1], w.dims[1]);
  return sum;
}

template <class T>
void conv2d_forward_fused(ExecContext&, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                          const TensorView& y, const Conv2dParams& p) {
  const int64_t filters_per_group = w.dims[0] / p.groups, channels_per_group = w.dims[1];
  for (int64_t n = 0; n < y.dims[0]; ++n)
    for (int64_t k = 0; k < y.dims[1]; ++k) {
      const double bias = e.bias ? at<T>(*e.bias, k) : 0;
      const int64_t c0 = k / filters_per_group * channels_per_group;
      for (int64_t h = 0; h < y.dims[2]; ++h)
        for (int64_t q = 0; q < y.dims[3]; ++q) {
          double v = bias + conv_at<T>(x, w, n, k, h * p.stride_h - p.pad_top, q * p.stride_w - p.pad_left, c0);
          if (e.residual) v += at<T>(*e.residual, n, k, h, q);
          at<T>(y, n, k, h, q) = static_cast<T>(activate(e.activation, v));
        }
    }
}

template <class T>
void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& p) {
  conv2d_forward_fused<T>(ctx, x, w, {.bias = bias, .residual = nullptr, .activation = Activation::None}, y, p);
}

template <class T>
void conv2d_forward_moments(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                            const TensorView& y, const TensorView& moments, const Conv2dParams& p) {
  conv2d_forward<T>(ctx, x, w, bias, y, p);
  const double m = static_cast<double>(y.dims[0] * y.dims[2] * y.dims[3]);
  for (int64_t k = 0; k < y.dims[1]; ++k) {
    const auto [mean, squares] = moments_of<T>(y, k, m);
    at<double>(moments, 0, k) = mean;
    at<double>(moments, 1, k) = squares;
  }
}

/// The depthwise outputs of a pixel, rounded as a tensor between the two convolutions would be, then the pointwise
/// sums.
template <class T>
void separable_conv2d_fused(ExecContext&, const TensorView& x, const TensorView& depthwise, const TensorView& pointwise,
                            const SeparableEpilogue& e, const TensorView& y, const Conv2dParams& p) {
  const int64_t channels = x.dims[1];
  std::vector<T> between(static_cast<std::size_t>(channels));
  for (int64_t n = 0; n < y.dims[0]; ++n)
    for (int64_t h = 0; h < y.dims[2]; ++h)
      for (int64_t q = 0; q < y.dims[3]; ++q) {
        for (int64_t c = 0; c < channels; ++c) {
          const double bias = e.depthwise_bias ? at<T>(*e.depthwise_bias, c) : 0;
          const double v =
              bias + conv_at<T>(x, depthwise, n, c, h * p.stride_h - p.pad_top, q * p.stride_w - p.pad_left, c);
          between[static_cast<std::size_t>(c)] = static_cast<T>(activate(e.between, v));
        }
        for (int64_t k = 0; k < y.dims[1]; ++k) {
          const double bias = e.bias ? at<T>(*e.bias, k) : 0;
          const double sum = dot(between.data(), 1, &at<T>(pointwise, k, 0, 0, 0), pointwise.strides[1], channels);
          at<T>(y, n, k, h, q) = static_cast<T>(activate(e.activation, bias + sum));
        }
      }
}

template <class T>
void pixels_conv2d_fused(ExecContext& ctx, const TensorView& pixels, const NormalizeParams& normalize,
                         const TensorView& w, const ConvEpilogue& e, const TensorView& y, const Conv2dParams& p) {
  std::vector<T> normalized(static_cast<std::size_t>(pixels.numel()));
  const TensorView x = normalized_view(pixels, normalized.data(), y.dtype);
  image_kernels<T>().normalize(ctx, pixels, x, normalize);
  conv2d_forward_fused<T>(ctx, x, w, e, y, p);
}

/// dx[n,c,h,w] = sum over the taps r,s whose output position p,q exists, and the filters k of c's group:
/// w[k,c,r,s] * dy[n,k,p,q] with p*stride_h = h + pad_top - r and q*stride_w = w + pad_left - s.
template <class T>
double grad_input_at(const TensorView& dy, const TensorView& w, const Conv2dParams& p, int64_t n, int64_t c, int64_t h,
                     int64_t v) {
  const int64_t filters_per_group = w.dims[0] / p.groups;
  const int64_t k0 = c / w.dims[1] * filters_per_group, c_in_group = c % w.dims[1];
  double sum = 0;
  for (int64_t r = 0; r < w.dims[2]; ++r) {
    const int64_t top = h + p.pad_top - r;
    if (top < 0 || top % p.stride_h != 0 || top / p.stride_h >= dy.dims[2]) continue;
    for (int64_t s = 0; s < w.dims[3]; ++s) {
      const int64_t left = v + p.pad_left - s;
      if (left < 0 || left % p.stride_w != 0 || left / p.stride_w >= dy.dims[3]) continue;
      sum += dot(&at<T>(dy, n, k0, top / p.stride_h, left / p.stride_w), dy.strides[1], &at<T>(w, k0, c_in_group, r, s),
                 w.strides[0], filters_per_group);
    }
  }
  return sum;
}

template <class T>
void conv2d_grad_input(ExecContext&, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& p) {
  for (int64_t n = 0; n < dx.dims[0]; ++n)
    for (int64_t c = 0; c < dx.dims[1]; ++c)
      for (int64_t h = 0; h < dx.dims[2]; ++h)
        for (int64_t v = 0; v < dx.dims[3]; ++v)
          at<T>(dx, n, c, h, v) = static_cast<T>(grad_input_at<T>(dy, w, p, n, c, h, v));
}

/// Output positions [begin, end) whose tap `tap` falls inside the picture: 0 <= i*stride - pad + tap < size.
struct Positions {
  int64_t begin, end;
  Positions(int64_t tap, int64_t stride, int64_t pad, int64_t size, int64_t count)
      : begin(tap >= pad ? 0 : (pad - tap + stride - 1) / stride),
        end(size + pad <= tap ? 0 : std::min(count, (size + pad - tap - 1) / stride + 1)) {}
};

/// dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] * x[n, c0+c, p*stride_h - pad_top + r, q*stride_w - pad_left + s].
template <class T>
void conv2d_grad_weight(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& p) {
  const int64_t filters_per_group = dw.dims[0] / p.groups;
  for (int64_t k = 0; k < dw.dims[0]; ++k)
    for (int64_t c = 0; c < dw.dims[1]; ++c)
      for (int64_t r = 0; r < dw.dims[2]; ++r)
        for (int64_t s = 0; s < dw.dims[3]; ++s) {
          const int64_t channel = k / filters_per_group * dw.dims[1] + c;
          const Positions rows(r, p.stride_h, p.pad_top, x.dims[2], dy.dims[2]);
          const Positions cols(s, p.stride_w, p.pad_left, x.dims[3], dy.dims[3]);
          const int64_t count = std::max<int64_t>(0, cols.end - cols.begin);
          double sum = 0;
          for (int64_t n = 0; n < x.dims[0] && count > 0; ++n)
            for (int64_t h = rows.begin; h < rows.end; ++h)
              sum +=
                  dot(&at<T>(dy, n, k, h, cols.begin), dy.strides[3],
                      &at<T>(x, n, channel, h * p.stride_h - p.pad_top + r, cols.begin * p.stride_w - p.pad_left + s),
                      x.strides[3] * p.stride_w, count);
          at<T>(dw, k, c, r, s) = static_cast<T>(sum);
        }
}

template <class T>
void conv2d_grad_bias(ExecContext&, const TensorView& dy, const TensorView& db) {
  for (int64_t k = 0; k < dy.dims[1]; ++k) {
    double sum = 0;
    for (int64_t n = 0; n < dy.dims[0]; ++n)
      for (int64_t h = 0; h < dy.dims[2]; ++h)
        for (int64_t q = 0; q < dy.dims[3]; ++q) sum += at<T>(dy, n, k, h, q);
    at<T>(db, k) = static_cast<T>(sum);
  }
}

}  // namespace

template <class T>
ConvKernels conv_kernels() {
  return {.forward = &conv2d_forward<T>,
          .forward_moments = &conv2d_forward_moments<T>,
          .grad_input = &conv2d_grad_input<T>,
          .grad_weight = &conv2d_grad_weight<T>,
          .grad_bias = &conv2d_grad_bias<T>,
          .forward_fused = &conv2d_forward_fused<T>,
          .separable_fused = &separable_conv2d_fused<T>,
          .pixels_fused = &pixels_conv2d_fused<T>};
}

template ConvKernels conv_kernels<float>();
template ConvKernels conv_kernels<double>();

}  // namespace fledge::ref
