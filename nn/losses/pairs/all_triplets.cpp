#include "nn/losses/pairs/all_triplets.h"

#include <cmath>
#include <vector>

#include "autograd/node.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class AllTripletsNode : public Node {
 public:
  explicit AllTripletsNode(Tensor gradient) : gradient_(std::move(gradient)) {}
  const char* name() const override { return "all_triplets"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {affine(gradient_.get(name(), "gradient"), dy.item(), 0)};
  }
  void release() override { gradient_.release(); }

 private:
  Saved gradient_;
};

/// Sums over the triplets of one anchor and one positive; adds dh/dz to the negatives' gradients.
struct PairSum {
  double value = 0, slope = 0;
  std::int64_t active = 0;
};

template <class T>
PairSum hinge_pair(T threshold, const std::vector<T>& negatives, std::vector<T>& slopes) {
  const T* d = negatives.data();
  T* g = slopes.data();
  const std::int64_t n = static_cast<std::int64_t>(negatives.size());
  T value = 0, count = 0;  // counts below 2^24 are exact in float
#pragma omp simd reduction(+ : value, count)
  for (std::int64_t k = 0; k < n; ++k) {
    const T z = threshold - d[k];
    const T on = z > 0 ? T(1) : T(0);
    value += z > 0 ? z : T(0);
    count += on;
    g[k] += on;
  }
  return {static_cast<double>(value), static_cast<double>(count), static_cast<std::int64_t>(count)};
}

template <class T>
PairSum soft_pair(T positive, const std::vector<T>& negatives, std::vector<T>& slopes) {
  PairSum sum;
  for (std::size_t k = 0; k < negatives.size(); ++k) {
    const T z = positive - negatives[k];
    // One exponential serves value and slope; its argument is never positive, so it cannot overflow.
    const T e = std::exp(-std::abs(z)), slope = z > 0 ? 1 / (1 + e) : e / (1 + e);
    sum.value += std::max(z, T(0)) + std::log1p(e);
    sum.slope += slope;
    sum.active += z > 0;
    slopes[k] += slope;
  }
  return sum;
}

struct Totals {
  double value = 0;
  std::int64_t triplets = 0, active = 0;
};

/// Fills g (n,n) with the sum of slopes: + at (a, p), - at (a, n).
template <class T>
Totals accumulate(const T* d, const std::vector<std::int64_t>& labels, double margin, TripletMargin form, T* g) {
  const std::size_t n = labels.size();
  Totals totals;
  std::vector<std::size_t> positive, negative;
  std::vector<T> distances, slopes;
  for (std::size_t a = 0; a < n; ++a, d += n, g += n) {
    positive.clear(), negative.clear(), distances.clear();
    for (std::size_t j = 0; j < n; ++j)
      if (j != a) (labels[j] == labels[a] ? positive : negative).push_back(j);
    for (std::size_t j : negative) distances.push_back(d[j]);
    slopes.assign(negative.size(), T(0));
    for (std::size_t p : positive) {
      const PairSum sum = form == TripletMargin::Hinge ? hinge_pair(static_cast<T>(d[p] + margin), distances, slopes)
                                                       : soft_pair(d[p], distances, slopes);
      totals.value += sum.value;
      totals.active += sum.active;
      g[p] = static_cast<T>(sum.slope);
    }
    totals.triplets += static_cast<std::int64_t>(positive.size() * negative.size());
    for (std::size_t k = 0; k < negative.size(); ++k) g[negative[k]] = -slopes[k];
  }
  return totals;
}

}  // namespace

AllTriplets all_triplets(const Variable& d, const Tensor& labels, double margin, TripletMargin form) {
  const Tensor distances = d.value().contiguous();
  const bool single = distances.dtype() == DType::Float32;
  if (!single && distances.dtype() != DType::Float64)
    throw Error(ErrorKind::Usage, "all_triplets", "distances must be float32 or float64: " + describe(distances));
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const Tensor gradient = zeros(distances.dims(), distances.dtype());
  const Totals totals = single ? accumulate(distances.data<float>(), y, margin, form, gradient.data<float>())
                               : accumulate(distances.data<double>(), y, margin, form, gradient.data<double>());
  const std::int64_t count = form == TripletMargin::Hinge ? totals.active : totals.triplets;
  const double scale = count > 0 ? 1.0 / static_cast<double>(count) : 0;
  const Tensor value = scalar(totals.value * scale, distances.dtype());
  AllTriplets out{Variable(value), totals.triplets, totals.active};
  if (wants_graph({&d})) out.value = attach(value, std::make_shared<AllTripletsNode>(affine(gradient, scale, 0)), {d});
  return out;
}

}  // namespace fledge
