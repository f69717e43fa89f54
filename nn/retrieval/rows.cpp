#include "nn/retrieval/rows.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/error.h"

namespace fledge {
namespace {

bool fits_float32(const Tensor& x) {
  const double* v = x.data<double>();
  // From infinity on, a conversion would not be defined.
  return std::all_of(v, v + x.numel(),
                     [](double a) { return std::abs(a) <= 3.4e38 && static_cast<double>(static_cast<float>(a)) == a; });
}

double largest_of(const Tensor& x) {
  double largest = 0;
  const double* v = x.data<double>();
  for (std::int64_t i = 0; i < x.numel(); ++i) largest = std::max(largest, std::abs(v[i]));
  return largest;
}

/// Refuses a row whose squares would be 0 under a scale that the largest one needs.
void require_one_range(const Tensor& x, double scale, double largest, const char* side) {
  constexpr double kSquared = 1e-140;  // far above the root of the smallest number
  const std::int64_t d = x.dim(1);
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    const double* row = x.data<double>() + i * d;
    double most = 0;
    for (std::int64_t k = 0; k < d; ++k) most = std::max(most, std::abs(row[k]));
    if (most == 0 || most * scale >= kSquared) continue;
    std::ostringstream problem;
    problem << "row " << i << " of the " << side << " reaches " << most << ", another one " << largest
            << ": no float64 holds the squared distances of both";
    throw Error(ErrorKind::BadInput, "", problem.str(), "look at where the large numbers come from");
  }
}

Tensor scaled(const Tensor& x, double scale) {
  const Tensor out = Tensor::empty(x.dims(), DType::Float64);
  for (std::int64_t i = 0; i < x.numel(); ++i) out.data<double>()[i] = x.data<double>()[i] * scale;
  return out;
}

}  // namespace

ComparableRows comparable_rows(const Tensor& query, const Tensor& gallery) {
  if (query.dtype() == DType::Float32) return {query, gallery};
  const bool one = query.raw() == gallery.raw();
  const auto both = [&](auto convert) {
    const Tensor g = convert(gallery);
    return ComparableRows{one ? g : convert(query), g};
  };
  if (fits_float32(query) && (one || fits_float32(gallery)))
    return both([](const Tensor& x) { return x.to(DType::Float32); });
  const double largest = std::max(largest_of(query), largest_of(gallery));
  constexpr double kLarge = 1e140, kSmall = 1e-100;
  if (largest <= kLarge && largest >= kSmall) return {query, gallery};
  const double scale = std::exp2(std::clamp(-std::floor(std::log2(largest)), -1000.0, 1000.0));
  require_one_range(gallery, scale, largest, "gallery");
  if (!one) require_one_range(query, scale, largest, "queries");
  ComparableRows rows = both([&](const Tensor& x) { return scaled(x, scale); });
  rows.scale = scale;
  return rows;
}

}  // namespace fledge
