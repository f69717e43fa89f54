// Questions about sizes and strides alone; no tensor needed.
#pragma once
#include <optional>

#include "kernels/api/dims.h"

namespace fledge {

/// Row-major without gaps; axes of size 1 do not count.
inline bool strides_contiguous(const Dims& dims, const Dims& strides) {
  std::int64_t expected = 1;
  for (int i = dims.rank() - 1; i >= 0; --i) {
    if (dims[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= dims[i];
  }
  return true;
}

/// Rank 4, stored N,H,W,C without gaps; axes of size 1 do not count.
inline bool strides_channels_last(const Dims& dims, const Dims& strides) {
  if (dims.rank() != 4) return false;
  std::int64_t expected = 1;
  for (int i : {1, 3, 2, 0}) {
    if (dims[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= dims[i];
  }
  return true;
}

/// Both address the same elements in the same order: equal wherever the axis is longer than 1.
inline bool same_strides(const Dims& dims, const Dims& a, const Dims& b) {
  for (int i = 0; i < dims.rank(); ++i)
    if (dims[i] != 1 && a[i] != b[i]) return false;
  return true;
}

/// Strides that show the elements of (dims, strides) as `wanted` (same number of elements) without moving them, if any.
std::optional<Dims> reshaped_strides(const Dims& dims, const Dims& strides, const Dims& wanted);

}  // namespace fledge
