#include "io/weights/tensor_to_save.h"

namespace fledge {

std::uint64_t TensorToSave::bytes() const {
  std::uint64_t n = static_cast<std::uint64_t>(info_of(type).bytes);
  for (const std::int64_t d : shape) n *= static_cast<std::uint64_t>(d);
  return n;
}

TensorToSave to_save(const std::string& name, const Tensor& tensor) {
  TensorToSave t{name, element_for(tensor.dtype()), {tensor.dims().begin(), tensor.dims().end()}, {}};
  t.write = [tensor](const ByteSink& sink) {
    const Tensor dense = tensor.contiguous();
    sink(static_cast<const char*>(dense.raw()), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()));
  };
  return t;
}

TensorToSave to_save(const std::string& name, const WeightFile& file, const StoredTensor& tensor) {
  return {name, tensor.type, tensor.shape, [&file, tensor](const ByteSink& sink) { file.read(tensor, sink); }};
}

}  // namespace fledge
