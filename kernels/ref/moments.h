// Moments of a channel of N,C,H,W: what batch norm's statistics are made of, and what a convolution gives the norm
// behind it (kernels/api/conv.h).
#pragma once
#include "kernels/ref/strided.h"

namespace fledge::ref {

/// Calls f(n, h, w) for every pixel of the batch.
template <class F>
void for_each_pixel(const Dims& d, F&& f) {
  for (int64_t n = 0; n < d[0]; ++n)
    for (int64_t h = 0; h < d[2]; ++h)
      for (int64_t w = 0; w < d[3]; ++w) f(n, h, w);
}

/// Mean and sum of squared differences from it, of one channel.
struct Moments {
  double mean = 0, squares = 0;
};

template <class T>
Moments moments_of(const TensorView& x, int64_t c, double m) {
  Moments s;
  double sum = 0;
  for_each_pixel(x.dims, [&](int64_t n, int64_t h, int64_t w) { sum += at<T>(x, n, c, h, w); });
  s.mean = sum / m;
  for_each_pixel(x.dims, [&](int64_t n, int64_t h, int64_t w) {
    const double d = at<T>(x, n, c, h, w) - s.mean;
    s.squares += d * d;
  });
  return s;
}

}  // namespace fledge::ref
