// Reference row-wise functions of a matrix R,C (contract: kernels/api/reduce.h), each row independent of the others:
//   softmax y_c = e^(x_c - M) / S     log-softmax y_c = x_c - M - log S     log-sum-exp y = M + log S
//   with M = max_c x_c and S = sum_c e^(x_c - M), in double.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

struct RowSum {
  double maximum, sum;
};

template <class T>
RowSum exponential_sum(const TensorView& x, int64_t r) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t c = 0; c < x.dims[1]; ++c) {
    const double v = at<T>(x, r, c);
    if (v > maximum) maximum = v;
  }
  // An infinite maximum would make inf - inf; without the shift the limits come out right by themselves.
  if (std::isinf(maximum)) maximum = 0;
  for (int64_t c = 0; c < x.dims[1]; ++c) sum += std::exp(at<T>(x, r, c) - maximum);
  return {maximum, sum};
}

template <class T>
void softmax(ExecContext&, const TensorView& x, const TensorView& y) {
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    const RowSum row = exponential_sum<T>(x, r);
    for (int64_t c = 0; c < x.dims[1]; ++c)
      at<T>(y, r, c) = static_cast<T>(std::exp(at<T>(x, r, c) - row.maximum) / row.sum);
  }
}

template <class T>
void log_softmax(ExecContext&, const TensorView& x, const TensorView& y) {
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    const RowSum row = exponential_sum<T>(x, r);
    for (int64_t c = 0; c < x.dims[1]; ++c)
      at<T>(y, r, c) = static_cast<T>(at<T>(x, r, c) - row.maximum - std::log(row.sum));
  }
}

template <class T>
void log_sum_exp(ExecContext&, const TensorView& x, const TensorView& y) {
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    const RowSum row = exponential_sum<T>(x, r);
    at<T>(y, r) = static_cast<T>(row.maximum + std::log(row.sum));
  }
}

template <class T>
void softmax_backward(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& dx) {
  for (int64_t r = 0; r < dx.dims[0]; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < dx.dims[1]; ++c) sum += static_cast<double>(at<T>(y, r, c)) * at<T>(dy, r, c);
    for (int64_t c = 0; c < dx.dims[1]; ++c) at<T>(dx, r, c) = static_cast<T>(at<T>(y, r, c) * (at<T>(dy, r, c) - sum));
  }
}

template <class T>
void log_softmax_backward(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& dx) {
  for (int64_t r = 0; r < dx.dims[0]; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < dx.dims[1]; ++c) sum += at<T>(dy, r, c);
    for (int64_t c = 0; c < dx.dims[1]; ++c)
      at<T>(dx, r, c) = static_cast<T>(at<T>(dy, r, c) - std::exp(static_cast<double>(at<T>(y, r, c))) * sum);
  }
}

template <class T>
void log_sum_exp_backward(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                          const TensorView& dx) {
  for (int64_t r = 0; r < dx.dims[0]; ++r) {
    const double g = at<T>(dy, r), total = at<T>(y, r);
    for (int64_t c = 0; c < dx.dims[1]; ++c) at<T>(dx, r, c) = static_cast<T>(g * std::exp(at<T>(x, r, c) - total));
  }
}

template <class T>
void masked_row_extreme(ExecContext&, bool maximum, const TensorView& x, const TensorView& mask,
                        const TensorView& value, const TensorView& index) {
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    T best = 0;
    int64_t found = -1;
    for (int64_t c = 0; c < x.dims[1]; ++c) {
      if (!at<std::uint8_t>(mask, r, c)) continue;
      const T v = at<T>(x, r, c);
      if (found >= 0 && !(maximum ? v > best : v < best)) continue;
      best = v;
      found = c;
    }
    at<T>(value, r) = best;
    at<int64_t>(index, r) = found;
  }
}

template <class T>
void masked_row_extreme_backward(ExecContext&, const TensorView& dy, const TensorView& index, const TensorView& dx) {
  for (int64_t r = 0; r < dx.dims[0]; ++r)
    for (int64_t c = 0; c < dx.dims[1]; ++c) at<T>(dx, r, c) = at<int64_t>(index, r) == c ? at<T>(dy, r) : T(0);
}

/// Column a before column b in the order of row r: NaN last, ties by column.
template <class T>
bool before(const TensorView& x, int64_t r, bool largest, int64_t a, int64_t b) {
  const T va = at<T>(x, r, a), vb = at<T>(x, r, b);
  if (std::isnan(va) || std::isnan(vb)) return std::isnan(va) ? std::isnan(vb) && a < b : true;
  if (va != vb) return largest ? va > vb : va < vb;
  return a < b;
}

template <class T>
void row_top_k(ExecContext&, bool largest, const TensorView& x, const TensorView& value, const TensorView& index) {
  const int64_t k = value.dims[1];
  std::vector<int64_t> order(static_cast<std::size_t>(x.dims[1]));
  for (int64_t r = 0; r < x.dims[0]; ++r) {
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k, order.end(),
                      [&](int64_t a, int64_t b) { return before<T>(x, r, largest, a, b); });
    for (int64_t i = 0; i < k; ++i) {
      at<T>(value, r, i) = at<T>(x, r, order[i]);
      at<int64_t>(index, r, i) = order[i];
    }
  }
}

}  // namespace

template <class T>
void fill_row_kernels(ReduceKernels& k) {
  k.softmax = &softmax<T>;
  k.softmax_backward = &softmax_backward<T>;
  k.log_softmax = &log_softmax<T>;
  k.log_softmax_backward = &log_softmax_backward<T>;
  k.log_sum_exp = &log_sum_exp<T>;
  k.log_sum_exp_backward = &log_sum_exp_backward<T>;
  k.masked_row_extreme = &masked_row_extreme<T>;
  k.masked_row_extreme_backward = &masked_row_extreme_backward<T>;
  k.row_top_k = &row_top_k<T>;
}

template void fill_row_kernels<float>(ReduceKernels&);
template void fill_row_kernels<double>(ReduceKernels&);

}  // namespace fledge::ref
