// Every triplet of a batch (kernels/api/distance.h), an anchor at a time: its negatives side by side, so that one
// positive meets them all in vector registers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

/// What the miner lets through: gaps D_an - D_ap in (above, upto].
template <class T>
struct GapRange {
  T above, upto;

  explicit GapRange(const TripletParams& p)
      : above(static_cast<T>(std::max<double>(p.above, std::numeric_limits<T>::lowest()))),
        upto(static_cast<T>(std::min<double>(p.upto, std::numeric_limits<T>::max()))) {}
};

/// Sums over the triplets of one anchor and one positive; adds dh/dz to the negatives' gradients.
struct PairSum {
  double value = 0, slope = 0;
  std::int64_t mined = 0, active = 0;
};

template <class T>
PairSum hinge_pair(T positive, double margin, const GapRange<T>& range, const std::vector<T>& negatives,
                   std::vector<T>& slopes) {
  const T *d = negatives.data(), threshold = static_cast<T>(positive + margin), above = range.above, upto = range.upto;
  T* g = slopes.data();
  const std::int64_t n = static_cast<std::int64_t>(negatives.size());
  T value = 0, count = 0, mined = 0;  // counts below 2^24 are exact in float
#pragma omp simd reduction(+ : value, count, mined)
  for (std::int64_t k = 0; k < n; ++k) {
    const T z = threshold - d[k], gap = d[k] - positive;
    const T in = (gap > above ? T(1) : T(0)) * (gap <= upto ? T(1) : T(0));
    const T on = z > 0 ? in : T(0);
    value += on * z;
    count += on;
    mined += in;
    g[k] += on;
  }
  return {static_cast<double>(value), static_cast<double>(count), static_cast<std::int64_t>(mined),
          static_cast<std::int64_t>(count)};
}

template <class T>
PairSum soft_pair(T positive, const GapRange<T>& range, const std::vector<T>& negatives, std::vector<T>& slopes) {
  PairSum sum;
  for (std::size_t k = 0; k < negatives.size(); ++k) {
    const T z = positive - negatives[k];
    if (!(-z > range.above && -z <= range.upto)) continue;
    // One exponential serves value and slope; its argument is never positive, so it cannot overflow.
    const T e = std::exp(-std::abs(z)), slope = z > 0 ? 1 / (1 + e) : e / (1 + e);
    sum.value += std::max(z, T(0)) + std::log1p(e);
    sum.slope += slope;
    sum.mined += 1;
    sum.active += z > 0;
    slopes[k] += slope;
  }
  return sum;
}

struct Totals {
  double value = 0;
  std::int64_t triplets = 0, mined = 0, active = 0;
};

/// Adds to g (one row) the sums of slopes: + at the positives, - at the negatives.
template <class T>
void add_anchor(const T* d, const std::uint8_t* is_positive, const std::uint8_t* is_negative, std::int64_t m,
                const TripletParams& p, T* g, Totals& totals) {
  const GapRange<T> range(p);
  std::vector<std::size_t> positive, negative;
  std::vector<T> distances;
  for (std::int64_t j = 0; j < m; ++j) {
    if (is_positive[j]) positive.push_back(j);
    if (is_negative[j]) negative.push_back(j), distances.push_back(d[j]);
  }
  std::vector<T> slopes(negative.size(), T(0));
  for (std::size_t k : positive) {
    const PairSum sum =
        p.soft ? soft_pair(d[k], range, distances, slopes) : hinge_pair(d[k], p.margin, range, distances, slopes);
    totals.value += sum.value;
    totals.mined += sum.mined;
    totals.active += sum.active;
    g[k] = static_cast<T>(sum.slope);
  }
  totals.triplets += static_cast<std::int64_t>(positive.size() * negative.size());
  for (std::size_t k = 0; k < negative.size(); ++k) g[negative[k]] = -slopes[k];
}

template <class T>
void all_triplets(ExecContext&, const TensorView& d, const TensorView& positive, const TensorView& negative,
                  const TripletParams& p, const TensorView& value, const TensorView& counts,
                  const TensorView& gradient) {
  const std::int64_t n = d.dims[0], m = d.dims[1];
  T* g = gradient.as<T>();
  std::fill(g, g + n * m, T(0));
  Totals totals;
  for (std::int64_t a = 0; a < n; ++a)
    add_anchor(d.as<T>() + a * m, positive.as<std::uint8_t>() + a * m, negative.as<std::uint8_t>() + a * m, m, p,
               g + a * m, totals);
  const std::int64_t count = p.soft ? totals.mined : totals.active;
  const double scale = count > 0 ? 1.0 / static_cast<double>(count) : 0;
  *value.as<T>() = static_cast<T>(totals.value * scale);
  double* c = counts.as<double>();
  c[0] = static_cast<double>(totals.triplets), c[1] = static_cast<double>(totals.mined);
  c[2] = static_cast<double>(totals.active);
  for (std::int64_t i = 0; i < n * m; ++i) g[i] = static_cast<T>(scale) * g[i] + T(0);
}

}  // namespace

void overlay_triplets(KernelTable& f32, KernelTable& f64) {
  f32.distance.all_triplets = &all_triplets<float>;
  f64.distance.all_triplets = &all_triplets<double>;
}

}  // namespace fledge::cpu
