// The device that tests compare with the CPU: a GPU, or the emulated one that FLEDGE_CUDA_MODULE names.
#pragma once
#include <optional>

#include "tensor/tensor.h"

namespace fledge::test {

/// None where there is no usable module: then the first call says so on standard error, and the caller returns.
std::optional<Device> gpu();

/// Largest difference of two tensors' elements relative to the largest element of the second; infinite where an element
/// of the first is not finite. On any devices, of any dtypes.
double relative_difference(const Tensor& a, const Tensor& b);
/// Of all elements as one vector.
double cosine_similarity(const Tensor& a, const Tensor& b);

}  // namespace fledge::test
