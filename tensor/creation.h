// Tensors with values.
#pragma once
#include <initializer_list>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

Tensor zeros(const Dims& dims, DType dtype = DType::Float32, Layout layout = Layout::Contiguous, Device device = {});
Tensor ones(const Dims& dims, DType dtype = DType::Float32, Layout layout = Layout::Contiguous, Device device = {});
Tensor full(const Dims& dims, double value, DType dtype = DType::Float32, Layout layout = Layout::Contiguous,
            Device device = {});
Tensor zeros_like(const Tensor& t);
Tensor ones_like(const Tensor& t);
Tensor scalar(double value, DType dtype = DType::Float32, Device device = {});
/// On the CPU. Row-major values; throws Error(Usage) when the count does not fit the dims.
template <class T>
Tensor from_vector(const std::vector<T>& values, const Dims& dims);
Tensor arange(std::int64_t n, DType dtype = DType::Int64);

}  // namespace fledge
