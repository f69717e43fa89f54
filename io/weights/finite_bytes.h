// Numbers in a file's element type, looked at while they pass.
#pragma once
#include <optional>
#include <string>

#include "io/weights/tensor_to_save.h"
#include "tensor/finite.h"

namespace fledge {

/// The first unsound number of a tensor, read in pieces.
std::optional<Unsound> first_unsound(const TensorToSave& tensor, Sound wanted);

/// The same tensor; writing it throws Error(BadInput), "tensor 'NAME' is nan at [3,0,1]", instead of
/// handing on a NaN, an infinity or, where that is asked, a negative number. Of float16, bfloat16, float32
/// and float64; of others nothing is looked at.
TensorToSave checked(TensorToSave tensor, Sound wanted, const std::string& hint);

}  // namespace fledge
