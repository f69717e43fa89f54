// A tensor whose values are their places.
#pragma once
#include "tensor/creation.h"

namespace fledge::test {

/// 0, 1, 2, ... row-major.
inline Tensor counting(const Dims& dims, DType dtype = DType::Float32) {
  return arange(dims.numel(), dtype).reshape(dims);
}

}  // namespace fledge::test
