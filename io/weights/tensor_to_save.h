// A tensor on its way into a weight file: what it is called, and how to get its bytes when they are due. Nothing is
// held in memory that is not being written.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/weights/element_type.h"
#include "io/weights/weight_file.h"
#include "tensor/named_tensors.h"

namespace fledge {

using ByteSink = std::function<void(const char* bytes, std::size_t size)>;

struct TensorToSave {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<std::int64_t> shape;
  std::function<void(const ByteSink&)> write;  // hands over contiguous little-endian bytes, `bytes()` of them

  std::uint64_t bytes() const;
};

/// Of a tensor in memory (kept until it is written), and of one in a file, which must outlive the result.
TensorToSave to_save(const std::string& name, const Tensor& tensor);
TensorToSave to_save(const std::string& name, const WeightFile& file, const StoredTensor& tensor);

}  // namespace fledge
