// Safetensors files: 8-byte little-endian header length, JSON header, raw little-endian tensors.
// Reading is strict: header <= 100 MB and inside the file, object at the top, at most 100,000 tensors, offsets
// ascending without holes or overlap and covering the file, checked products, unique names, known dtypes. Throws
// Error(BadInput). (WeightFile opens them too, and any other container; this is for those that must be safetensors.)
#pragma once
#include <map>
#include <string>
#include <vector>

#include "io/weights/tensor_to_save.h"
#include "tensor/named_tensors.h"

namespace fledge {

struct SafetensorsFile {
  NamedTensors tensors;                         // contiguous, in file order
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

/// F16 is widened to float32; F64, F32, BF16, I64, I32, U8, BOOL (as uint8) keep their type; I16, I8, U16 are widened
/// to int32, U32 to int64.
SafetensorsFile load_safetensors(const std::string& path);
/// Written to a temporary file beside `path`, fsynced, renamed: an interrupted save
/// leaves the old file. Contiguous copies are made.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata);
/// The same from tensors that are fetched one by one. Error(Usage): a name twice, a type that the format has not got.
void save_safetensors(const std::string& path, const std::vector<TensorToSave>& tensors,
                      const std::map<std::string, std::string>& metadata);

}  // namespace fledge
