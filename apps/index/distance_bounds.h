// Lengths and distances of rows in double, and how far float32 may be from them.
#pragma once
#include <cfloat>
#include <cmath>
#include <cstdint>

namespace fledge {

template <class T>
double squared_length(const T* x, std::int64_t d) {
  double sums[4] = {};  // side by side, as each sum waits for itself
  std::int64_t k = 0;
  for (; k + 4 <= d; k += 4)
    for (int s = 0; s < 4; ++s) sums[s] += static_cast<double>(x[k + s]) * x[k + s];
  for (; k < d; ++k) sums[0] += static_cast<double>(x[k]) * x[k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
double squared_distance(const T* a, const T* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double difference = static_cast<double>(a[k]) - b[k];
    sum += difference * difference;
  }
  return sum;
}

struct RowSize {
  float square, length;  // |x|^2, |x|
};

inline RowSize size_of(const float* x, std::int64_t d) {
  const double square = squared_length(x, d);
  return {static_cast<float>(square), static_cast<float>(std::sqrt(square))};
}

/// A true squared distance lies within slack * (|q| + |g|)^2 of |q|^2 + |g|^2 - 2 q.g in float32, whatever the order of
/// summation: D roundings of products that |q||g| <= (|q| + |g|)^2 / 4 bounds, twice, and a few for the sum of three
/// and for rounding the rows themselves to float32, where they are float64.
inline float slack_of(std::int64_t d) {
  constexpr double kUnit = 1.0 / (1 << 24);  // half an ulp of 1
  return static_cast<float>((0.5 * static_cast<double>(d) + 16) * kUnit * 1.01);
}

/// What underflow of D products may take away besides.
inline float underflow_of(std::int64_t d) { return 4 * d * FLT_MIN; }

}  // namespace fledge
