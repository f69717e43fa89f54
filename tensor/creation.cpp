#include "tensor/creation.h"

#include <cstring>

namespace fledge {

Tensor full(const Dims& dims, double value, DType dtype, Layout layout, Device device) {
  Tensor t = Tensor::empty(dims, dtype, layout, device);
  t.fill(value);
  return t;
}

Tensor zeros(const Dims& dims, DType dtype, Layout layout, Device device) {
  return full(dims, 0, dtype, layout, device);
}
Tensor ones(const Dims& dims, DType dtype, Layout layout, Device device) {
  return full(dims, 1, dtype, layout, device);
}

static Tensor full_like(const Tensor& t, double value) {
  Tensor result = Tensor::empty_like(t);
  result.fill(value);
  return result;
}

Tensor zeros_like(const Tensor& t) { return full_like(t, 0); }
Tensor ones_like(const Tensor& t) { return full_like(t, 1); }
Tensor scalar(double value, DType dtype, Device device) { return full({}, value, dtype, Layout::Contiguous, device); }

template <class T>
Tensor from_vector(const std::vector<T>& values, const Dims& dims) {
  Tensor t = Tensor::empty(dims, dtype_of<T>);
  if (static_cast<std::int64_t>(values.size()) != t.numel()) {
    throw Error(ErrorKind::Usage, "from_vector",
                std::to_string(values.size()) + " values do not fill " + to_string(dims) + " (" +
                    std::to_string(t.numel()) + " elements)");
  }
  if (!values.empty()) std::memcpy(t.raw(), values.data(), values.size() * sizeof(T));
  return t;
}

template Tensor from_vector(const std::vector<float>&, const Dims&);
template Tensor from_vector(const std::vector<double>&, const Dims&);
template Tensor from_vector(const std::vector<BFloat16>&, const Dims&);
template Tensor from_vector(const std::vector<std::int32_t>&, const Dims&);
template Tensor from_vector(const std::vector<std::int64_t>&, const Dims&);
template Tensor from_vector(const std::vector<std::uint8_t>&, const Dims&);

Tensor arange(std::int64_t n, DType dtype) {
  if (n < 0) throw Error(ErrorKind::Usage, "arange", "the count must not be negative: " + std::to_string(n));
  Tensor t = Tensor::empty({n}, DType::Int64);
  for (std::int64_t i = 0; i < n; ++i) t.data<std::int64_t>()[i] = i;
  return t.to(dtype);
}

}  // namespace fledge
