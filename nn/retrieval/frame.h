// The frame in which rows are compared in float32, and exact distances of the rows as they were given.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/retrieval/bounds.h"
#include "tensor/tensor.h"

namespace fledge {

/// Squared distance in double, summed over the components in one fixed order: what "exact" means in nn/retrieval.
double exact_squared_distance(const float* a, const float* b, std::int64_t n);
double exact_squared_distance(const double* a, const double* b, std::int64_t n);

/// A common shift and power-of-two scale of all rows. Any shift leaves distances as they are; this one, to the
/// gallery's mean, makes the rows short, so that a tight cloud far from the origin keeps its digits in float32. Rows of
/// float64 are shifted in double, before anything is rounded.
struct Frame {
  std::vector<double> center;  // empty: none
  double scale = 1;
};
/// Both sides N,D contiguous, of one dtype, float32 or float64.
Frame frame_of(const Tensor& query, const Tensor& gallery);

/// A matrix, the same in the frame, and what comparisons need of its rows.
struct FramedRows {
  Tensor rows;                 // N,D as given, float32 or float64
  Tensor framed;               // N,D in the frame: values in [-1, 1]
  std::vector<float> squares;  // |x|^2 in the frame
  std::int64_t d = 0;
  double scale = 1;
  Slack slack;  // of the products of these rows that are compared; of float32 unless changed
  /// Once find_twins() was asked: how many earlier rows hold the very same bits, and the first of them (itself, where
  /// there is none). Of rows with more twins than a list keeps, the later ones come after all of them: a gallery
  /// collapsed to one point costs no more than another.
  std::vector<std::int32_t> twins_before, first_twin;

  const float* original(std::int64_t i) const { return rows.data<float>() + i * d; }  // float32 only
};
/// Of row i of a and row j of b, as they were given: both of one dtype.
double exact_squared_distance(const FramedRows& a, std::int64_t i, const FramedRows& b, std::int64_t j);
/// The same, one component after the other: to the last digit what a plain loop gives. For distances that are shown.
double plain_squared_distance(const FramedRows& a, std::int64_t i, const FramedRows& b, std::int64_t j);
using SquaredDistance = double (*)(const FramedRows&, std::int64_t, const FramedRows&, std::int64_t);

/// float32 in the frame that changes nothing (no centre, scale 1) is not copied: `framed` is `rows`.
FramedRows in_frame(const Tensor& x, const Frame& frame);
/// Fills twins_before and first_twin.
void find_twins(FramedRows& x);

}  // namespace fledge
