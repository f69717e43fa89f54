// Rows brought to the form in which they are compared. For searches and metrics.
#pragma once
#include <cstdint>

#include "tensor/tensor.h"

namespace fledge {

inline bool is_comparable(DType t) { return t == DType::Float32 || t == DType::Float64; }

struct ComparableRows {
  Tensor query, gallery;  // one memory where it was one
  double scale = 1;       // both were multiplied by this power of two
};
/// Both of one dtype, contiguous and finite. float64 whose numbers are all float32 numbers becomes float32: nothing is
/// lost, and half of the memory is read. Other float64 whose squares would leave the range of double is scaled by a
/// power of two, which keeps every digit and the order of all distances. Error(BadInput): rows so large and so small
/// beside each other that no power of two holds the squares of both.
ComparableRows comparable_rows(const Tensor& query, const Tensor& gallery);

}  // namespace fledge
