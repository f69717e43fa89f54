// An ordered list of named tensors: what weight files hold and what modules load.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace fledge
