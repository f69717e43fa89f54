// Writing a state dict as torch.save does: a zip file that today's torch.load(weights_only=True) opens.
#pragma once
#include <string>
#include <vector>

#include "io/weights/tensor_to_save.h"

namespace fledge {

/// An OrderedDict of tensors, each with a storage of its own, 64-byte aligned, with checksums. Atomic, as every writer.
/// Errors: Usage for a name twice or a type without a storage class (uint16, float8, ...); Resource for the disk.
void save_torch(const std::string& path, const std::vector<TensorToSave>& tensors);

}  // namespace fledge
