// NumPy .npy files, version 1 and 2, little-endian, C order. float16 becomes float32, int8, int16 and uint16 int32,
// uint32 int64, bool uint8, all exactly; float32, float64, int32, int64 and uint8 stay; uint64 becomes int64 where it
// fits. Refused with Error(BadInput): object dtype, Fortran order, big endian, malformed header, size mismatch.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "io/file.h"
#include "tensor/tensor.h"

namespace fledge {

Tensor load_npy(const std::string& path);
/// The same of bytes in memory; `path` is for messages.
Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& path);
/// Atomic like save_safetensors. float32, float64, int32, int64, uint8.
void save_npy(const std::string& path, const Tensor& t);
/// Its bytes, for a file that is committed elsewhere.
void append_npy(AtomicFile& file, const Tensor& t);

}  // namespace fledge
