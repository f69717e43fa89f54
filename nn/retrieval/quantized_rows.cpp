#include "nn/retrieval/quantized_rows.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "tensor/context.h"

namespace fledge {
namespace {

constexpr double kNorm = 32000;  // of a row of codes: below 2^15, and its square below 2^31, with room for rounding
/// Norm and residuals are sums in double.
constexpr double kRoundedUp = 1 + 1e-9;

double norm(const float* x, std::int64_t d) {
  double sums[4] = {};
  for (std::int64_t k = 0; k < d; ++k) sums[k % 4] += static_cast<double>(x[k]) * x[k];
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// Fills the codes of one row and returns |x - scale * codes|.
double quantize(const float* x, std::int64_t d, double scale, std::int32_t* codes) {
  const double per_unit = 1 / scale;
  double square = 0;
  const auto code = [&](std::int64_t k) {
    const std::int32_t c =
        static_cast<std::int32_t>(x[k] * per_unit + (kNorm + 1000.5)) - static_cast<int>(kNorm) - 1000;
    const double rest = x[k] - scale * c;
    square += rest * rest;
    return c;
  };
  for (std::int64_t k = 0; k < d; k += 2) {
    const std::int32_t low = code(k), high = k + 1 < d ? code(k + 1) : 0;
    codes[k / 2] =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(high) << 16 | (static_cast<std::uint32_t>(low) & 0xffff));
  }
  return std::sqrt(square);
}

}  // namespace

QuantizedRows quantized_rows(const FramedRows& x) {
  const std::int64_t n = x.rows.dim(0), d = x.d, elements = (d + 1) / 2;
  QuantizedRows q{Tensor::empty({n, elements}, DType::Int32), Tensor::empty({n})};
  double error = 0;
#pragma omp parallel for schedule(static) reduction(max : error) num_threads(num_threads())
  for (std::int64_t i = 0; i < n; ++i) {
    const float* row = x.framed.data<float>() + i * d;
    std::int32_t* codes = q.codes.data<std::int32_t>() + i * elements;
    const double length = norm(row, d);
    const float scale = q.scales.data<float>()[i] = length > FLT_MIN ? static_cast<float>(length / kNorm) : 0.0f;
    if (scale > 0)
      error = std::max(error, quantize(row, d, scale, codes) / length * kRoundedUp);
    else
      std::fill_n(codes, elements, 0);
  }
  q.error = error;
  return q;
}

}  // namespace fledge
