// SHA-256 (FIPS 180-4) of a tensor's numbers: what two tools can compare without sharing a library.
#pragma once
#include <string>

#include "io/weights/weight_file.h"

namespace fledge {

/// 64 hexadecimal digits, of the tensor's contiguous little-endian bytes in the file's element type.
std::string sha256_of(const WeightFile& file, const StoredTensor& tensor);
std::string sha256_of(const std::string& text);

}  // namespace fledge
