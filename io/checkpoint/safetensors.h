// Safetensors files: 8-byte little-endian header length, JSON header, raw little-endian tensors.
// Reading is strict: header <= 100 MB and inside the file, object at the top, offsets
// ascending without holes or overlap and covering the file, checked products, unique names, known dtypes. Throws
// Error(BadInput).
#pragma once
#include <map>
#include <string>

#include "tensor/named_tensors.h"

namespace fledge {

struct SafetensorsFile {
  NamedTensors tensors;                         // contiguous, in file order
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

/// F16 is widened to float32; F64, F32, BF16, I64, I32, U8, BOOL (as uint8) keep their type; I16, I8, ... are widened
/// to int32.
SafetensorsFile load_safetensors(const std::string& path);
/// Written to a temporary file beside `path`, fsynced, renamed: an interrupted save leaves the old file. Contiguous
/// copies are made.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata);

}  // namespace fledge
