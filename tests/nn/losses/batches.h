// Batches that the tests of losses are made of.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/losses/loss.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"

namespace fledge::test {

/// n,d normal numbers; float32 ones are the rounded float64 ones.
inline Tensor random(std::int64_t n, std::int64_t d, std::uint64_t seed, DType dtype = DType::Float64) {
  Generator g(seed);
  return rand_normal({n, d}, g, 0, 1, DType::Float64).to(dtype);
}
inline Tensor unit(const Tensor& x) { return l2_normalize(x).y; }
inline Tensor labels_of(const std::vector<std::int64_t>& y) {
  return from_vector(y, {static_cast<std::int64_t>(y.size())});
}
/// What a loss says of itself under `name`; NaN: nothing.
inline double number(const LossOutput& out, const std::string& name) {
  for (const auto& [key, value] : out.numbers)
    if (key == name) return value.value();
  return NAN;
}
/// Largest absolute value; a value that is not finite counts as infinity.
inline double largest(const Tensor& t) {
  double m = 0;
  for (double v : t.to_vector<double>()) m = std::isfinite(v) ? std::max(m, std::abs(v)) : INFINITY;
  return m;
}
/// Four classes of four.
inline const std::vector<std::int64_t> kLabels = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};

}  // namespace fledge::test
