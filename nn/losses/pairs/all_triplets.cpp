#include "nn/losses/pairs/all_triplets.h"

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/node.h"
#include "nn/losses/counts.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class AllTripletsNode : public Node {
 public:
  explicit AllTripletsNode(Tensor gradient) : gradient_(std::move(gradient)) {}
  const char* name() const override { return "all_triplets"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {times_scalar(gradient_.get(name(), "gradient"), dy)};
  }
  void release() override { gradient_.release(); }

 private:
  Saved gradient_;
};

/// What the miner lets through: gaps D_an - D_ap in (above, upto].
template <class T>
struct GapRange {
  T above = std::numeric_limits<T>::lowest(), upto = std::numeric_limits<T>::max();
};

template <class T>
GapRange<T> gap_range(const TripletOptions& options) {
  GapRange<T> range;
  const T margin = static_cast<T>(options.margin);
  if (options.miner == TripletMiner::Hard) range.upto = 0;
  if (options.miner == TripletMiner::Semihard) range.above = 0, range.upto = margin;
  if (options.miner == TripletMiner::Easy) range.above = margin;
  return range;
}

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

/// Fills g (n,m) with the sum of slopes: + at (a, p), - at (a, n).
template <class T>
Totals accumulate(const T* d, const PairBatch& batch, const TripletOptions& options, T* g) {
  const std::int64_t n = batch.positive.dim(0), m = batch.positive.dim(1);
  const std::uint8_t *is_positive = batch.positive.data<std::uint8_t>(),
                     *is_negative = batch.negative.data<std::uint8_t>();
  const GapRange<T> range = gap_range<T>(options);
  Totals totals;
  std::vector<std::size_t> positive, negative;
  std::vector<T> distances, slopes;
  for (std::int64_t a = 0; a < n; ++a, d += m, g += m, is_positive += m, is_negative += m) {
    positive.clear(), negative.clear(), distances.clear();
    for (std::int64_t j = 0; j < m; ++j) {
      if (is_positive[j]) positive.push_back(j);
      if (is_negative[j]) negative.push_back(j), distances.push_back(d[j]);
    }
    slopes.assign(negative.size(), T(0));
    for (std::size_t p : positive) {
      const PairSum sum = options.form == TripletMargin::Hinge
                              ? hinge_pair(d[p], options.margin, range, distances, slopes)
                              : soft_pair(d[p], range, distances, slopes);
      totals.value += sum.value;
      totals.mined += sum.mined;
      totals.active += sum.active;
      g[p] = static_cast<T>(sum.slope);
    }
    totals.triplets += static_cast<std::int64_t>(positive.size() * negative.size());
    for (std::size_t k = 0; k < negative.size(); ++k) g[negative[k]] = -slopes[k];
  }
  return totals;
}

}  // namespace

AllTriplets all_triplets(const Variable& d, const PairBatch& batch, const TripletOptions& options) {
  const Tensor distances = d.value().contiguous();
  const bool single = distances.dtype() == DType::Float32;
  if (!single && distances.dtype() != DType::Float64)
    throw Error(ErrorKind::Usage, "all_triplets", "distances must be float32 or float64: " + describe(distances));
  const Tensor gradient = zeros(distances.dims(), distances.dtype());
  const Totals totals = single ? accumulate(distances.data<float>(), batch, options, gradient.data<float>())
                               : accumulate(distances.data<double>(), batch, options, gradient.data<double>());
  const std::int64_t count = options.form == TripletMargin::Hinge ? totals.active : totals.mined;
  const double scale = count > 0 ? 1.0 / static_cast<double>(count) : 0;
  const Tensor value = scalar(totals.value * scale, distances.dtype());
  AllTriplets out{Variable(value), totals.triplets, totals.mined, totals.active};
  if (wants_graph({&d})) out.value = attach(value, std::make_shared<AllTripletsNode>(affine(gradient, scale, 0)), {d});
  return out;
}

}  // namespace fledge
