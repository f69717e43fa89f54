// NumPy .npy files, version 1 and 2, little-endian, C order: float32, float64, int32, int64, uint8.
// Refused with Error(BadInput): object dtype, Fortran order, big endian, malformed header, size mismatch.
#pragma once
#include <string>

#include "tensor/tensor.h"

namespace fledge {

Tensor load_npy(const std::string& path);
/// Atomic like save_safetensors.
void save_npy(const std::string& path, const Tensor& t);

}  // namespace fledge
