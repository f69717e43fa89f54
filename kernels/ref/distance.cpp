// Reference row normalisation and pairwise distances (contract: kernels/api/distance.h). The squared
// distance is summed as sum_c (a_ic - b_jc)^2, which equals |a|^2 + |b|^2 - 2ab without its
// cancellation, so near duplicates keep their digits.
//   d d_ij / d a_i = (a_i - b_j) / d_ij      squared: 2 (a_i - b_j)      and the opposite for b_j
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void l2_normalize(ExecContext&, const TensorView& x, const TensorView& y, const TensorView& norm, double eps) {
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < x.dims[1]; ++c) squares += static_cast<double>(at<T>(x, r, c)) * at<T>(x, r, c);
    const double length = std::max(std::sqrt(squares), eps);
    at<T>(norm, r) = static_cast<T>(length);
    for (int64_t c = 0; c < x.dims[1]; ++c) at<T>(y, r, c) = static_cast<T>(at<T>(x, r, c) / length);
  }
}

template <class T>
void l2_normalize_backward(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& norm,
                           const TensorView& dx, double eps) {
  for (int64_t r = 0; r < dx.dims[0]; ++r) {
    const double length = at<T>(norm, r);
    // The clamped length was rounded to T when it was saved, so eps is rounded alike before they are compared.
    const bool clamped = !(at<T>(norm, r) > static_cast<T>(eps));
    double radial = 0;
    if (!clamped)
      for (int64_t c = 0; c < dx.dims[1]; ++c) radial += static_cast<double>(at<T>(y, r, c)) * at<T>(dy, r, c);
    for (int64_t c = 0; c < dx.dims[1]; ++c)
      at<T>(dx, r, c) = static_cast<T>((at<T>(dy, r, c) - at<T>(y, r, c) * radial) / length);
  }
}

bool same_matrix(const TensorView& a, const TensorView& b) {
  return a.data == b.data && a.dims == b.dims && a.strides == b.strides;
}

template <class T>
void pairwise_distance(ExecContext&, const TensorView& a, const TensorView& b, const TensorView& d,
                       const PairwiseDistanceParams& p) {
  const bool zero_diagonal = p.zero_diagonal && same_matrix(a, b);
  for (int64_t i = 0; i < a.dims[0]; ++i)
    for (int64_t j = 0; j < b.dims[0]; ++j) {
      double squares = 0;
      for (int64_t c = 0; c < a.dims[1]; ++c) {
        const double difference = static_cast<double>(at<T>(a, i, c)) - at<T>(b, j, c);
        squares += difference * difference;
      }
      const double value = p.squared ? squares : std::sqrt(std::max(squares, p.clamp));
      at<T>(d, i, j) = zero_diagonal && i == j ? T(0) : static_cast<T>(value);
    }
}

/// dD_ij times the factor in front of (a_i - b_j); 0 where the distance was clamped, and on a zero diagonal.
template <class T>
double pair_weight(const TensorView& dd, const TensorView& d, int64_t i, int64_t j, bool zero_diagonal,
                   const PairwiseDistanceParams& p) {
  if (zero_diagonal && i == j) return 0;
  const double upstream = at<T>(dd, i, j);
  if (p.squared) return 2 * upstream;
  const T distance = at<T>(d, i, j);
  return distance > static_cast<T>(std::sqrt(p.clamp)) ? upstream / distance : 0;
}

template <class T>
void pairwise_distance_backward(ExecContext&, const TensorView& dd, const TensorView& a, const TensorView& b,
                                const TensorView& d, const TensorView* da, const TensorView* db, bool self,
                                const PairwiseDistanceParams& p) {
  const bool zero_diagonal = self && p.zero_diagonal;
  const auto weight = [&](int64_t i, int64_t j) { return pair_weight<T>(dd, d, i, j, zero_diagonal, p); };
  const int64_t rows = a.dims[0], others = b.dims[0], columns = a.dims[1];
  for (int64_t i = 0; da && i < rows; ++i)
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t j = 0; j < others; ++j) {
        // As row i and, when both sides are one matrix, also as column i.
        const double w = weight(i, j) + (self ? weight(j, i) : 0);
        sum += w * (static_cast<double>(at<T>(a, i, c)) - at<T>(b, j, c));
      }
      at<T>(*da, i, c) = static_cast<T>(sum);
    }
  for (int64_t j = 0; db && j < others; ++j)
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t i = 0; i < rows; ++i) sum += weight(i, j) * (static_cast<double>(at<T>(b, j, c)) - at<T>(a, i, c));
      at<T>(*db, j, c) = static_cast<T>(sum);
    }
}

void pair_masks(ExecContext&, const TensorView& labels, const TensorView& reference, int64_t first_own,
                const TensorView& positive, const TensorView& negative) {
  for (int64_t i = 0; i < positive.dims[0]; ++i)
    for (int64_t j = 0; j < positive.dims[1]; ++j) {
      const bool same = at<int64_t>(labels, i) == at<int64_t>(reference, j),
                 counts = first_own < 0 || j != first_own + i;
      at<std::uint8_t>(positive, i, j) = counts && same;
      at<std::uint8_t>(negative, i, j) = counts && !same;
    }
}

/// What one triplet adds; nothing when the miner does not let it through.
struct Triplet {
  double h = 0, slope = 0;
  bool mined = false, active = false;
};

template <class T>
Triplet triplet(T positive, T negative, const TripletParams& p) {
  const double lowest = std::numeric_limits<T>::lowest(), highest = std::numeric_limits<T>::max();
  const T gap = negative - positive, above = static_cast<T>(std::max(p.above, lowest)),
          upto = static_cast<T>(std::min(p.upto, highest));
  if (!(gap > above && gap <= upto)) return {};
  if (!p.soft) {
    const T z = static_cast<T>(positive + p.margin) - negative;
    return z > 0 ? Triplet{z, 1, true, true} : Triplet{0, 0, true, false};
  }
  const T z = positive - negative;
  const double e = std::exp(-std::abs(static_cast<double>(z)));
  return {std::max<double>(z, 0) + std::log1p(e), z > 0 ? 1 / (1 + e) : e / (1 + e), true, z > 0};
}

template <class T>
void all_triplets(ExecContext&, const TensorView& d, const TensorView& positive, const TensorView& negative,
                  const TripletParams& params, const TensorView& value, const TensorView& counts,
                  const TensorView& gradient) {
  const int64_t rows = d.dims[0], columns = d.dims[1];
  double sum = 0, triplets = 0, mined = 0, active = 0;
  std::vector<double> slopes(static_cast<std::size_t>(rows * columns), 0.0);
  for (int64_t a = 0; a < rows; ++a)
    for (int64_t p = 0; p < columns; ++p)
      for (int64_t n = 0; n < columns; ++n) {
        if (!at<std::uint8_t>(positive, a, p) || !at<std::uint8_t>(negative, a, n)) continue;
        const Triplet t = triplet(at<T>(d, a, p), at<T>(d, a, n), params);
        sum += t.h;
        triplets += 1;
        mined += t.mined;
        active += t.active;
        slopes[a * columns + p] += t.slope;
        slopes[a * columns + n] -= t.slope;
      }
  const double count = params.soft ? mined : active, scale = count > 0 ? 1 / count : 0;
  *value.as<T>() = static_cast<T>(sum * scale);
  counts.as<double>()[0] = triplets;
  counts.as<double>()[1] = mined;
  counts.as<double>()[2] = active;
  for (int64_t a = 0; a < rows; ++a)
    for (int64_t j = 0; j < columns; ++j) at<T>(gradient, a, j) = static_cast<T>(slopes[a * columns + j] * scale);
}

template <class T>
void scan_products(ExecContext&, const TensorView& products, const TensorView& queries, const TensorView& items,
                   const TensorView& before, const TensorView& marks, const ScanColumns* columns) {
  // Of one pair: is the item certainly in front of the query's limit, and has the pair to be looked at?
  const auto meet = [](T p, const TensorView& query, int64_t q, const TensorView& item, int64_t i) {
    const bool certain = p > at<T>(query, 0, q) + at<T>(item, 0, i);
    const bool possible = p >= at<T>(query, 1, q) + at<T>(item, 1, i);
    const bool near = p >= at<T>(query, 2, q) + at<T>(item, 1, i);
    return std::pair(certain, possible != certain || near);
  };
  const int64_t rows = products.dims[0], width = products.dims[1];
  std::fill_n(before.as<std::int32_t>(), rows, 0);
  std::fill_n(marks.as<std::uint8_t>(), marks.numel(), std::uint8_t{0});
  if (columns) std::fill_n(columns->before.as<std::int32_t>(), width, 0);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < width; ++j) {
      const T p = at<T>(products, i, j);
      const auto [certain, marked] = meet(p, queries, i, items, j);
      std::uint8_t& mark = at<std::uint8_t>(marks, i, j / kScanChunk);
      if (marked) mark |= kScanRow;
      before.as<std::int32_t>()[i] += certain;
      if (columns) {
        const auto [column_certain, column_marked] = meet(p, columns->queries, j, columns->items, i);
        columns->before.as<std::int32_t>()[j] += column_certain;
        if (column_marked) mark |= kScanColumn;
      }
    }
}

/// The sum of one element's two products.
std::int64_t pair_product(std::int32_t a, std::int32_t b) {
  const auto low = [](std::int32_t v) { return static_cast<std::int64_t>(static_cast<std::int16_t>(v & 0xffff)); };
  const auto high = [](std::int32_t v) { return static_cast<std::int64_t>(v >> 16); };
  return low(a) * low(b) + high(a) * high(b);
}

template <class T>
void quantized_products(ExecContext&, const TensorView& a, const TensorView& a_scale, const TensorView& b,
                        const TensorView& b_scale, const TensorView& products) {
  for (int64_t i = 0; i < a.dims[0]; ++i)
    for (int64_t j = 0; j < b.dims[0]; ++j) {
      std::int64_t sum = 0;
      for (int64_t p = 0; p < a.dims[1]; ++p) sum += pair_product(at<std::int32_t>(a, i, p), at<std::int32_t>(b, j, p));
      at<T>(products, i, j) = static_cast<T>(sum) * at<T>(a_scale, i) * at<T>(b_scale, j);
    }
}

}  // namespace

template <class T>
DistanceKernels distance_kernels() {
  return {.l2_normalize = &l2_normalize<T>,
          .l2_normalize_backward = &l2_normalize_backward<T>,
          .pairwise_distance = &pairwise_distance<T>,
          .pairwise_distance_backward = &pairwise_distance_backward<T>,
          .pair_masks = &pair_masks,
          .all_triplets = &all_triplets<T>,
          .scan_products = &scan_products<T>,
          .quantized_products = &quantized_products<T>};
}

template DistanceKernels distance_kernels<float>();
template DistanceKernels distance_kernels<double>();

}  // namespace fledge::ref
