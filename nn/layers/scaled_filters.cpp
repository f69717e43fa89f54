#include "nn/layers/scaled_filters.h"

#include "base/error.h"

namespace fledge {
namespace {

template <class T>
Tensor scaled(const Tensor& w, const double* scale) {
  const Tensor from = w.contiguous(Layout::ChannelsLast), y = Tensor::empty(w.dims(), w.dtype(), Layout::ChannelsLast);
  const std::int64_t size = w.numel() / w.dim(0);
  const T* x = from.data<T>();
  T* to = y.data<T>();
  for (std::int64_t k = 0; k < w.dim(0); ++k)
    for (std::int64_t i = k * size; i < (k + 1) * size; ++i) to[i] = static_cast<T>(x[i] * scale[k]);
  return y;
}

}  // namespace

Tensor scaled_filters(const Tensor& w, const Tensor& scale) {
  if (w.dtype() != DType::Float32 && w.dtype() != DType::Float64)
    throw Error(ErrorKind::Usage, "scaled_filters", "weights are float32 or float64: " + describe(w));
  const Tensor s = scale.contiguous();
  return w.dtype() == DType::Float32 ? scaled<float>(w, s.data<double>()) : scaled<double>(w, s.data<double>());
}

}  // namespace fledge
