// rkd_angle as one node. The composition would hold n^3 cosines and n^2 D differences. Here every product comes from
// the squared distances q by the law of cosines, <x_j - x_i, x_k - x_i> = (q_ij + q_ik - q_jk) / 2, one anchor i at a
// time. That sum cancels, so it is done in float64, from distances that are sums of squared differences. On a device it
// is done by tensor ops (rkd_angle_sums.cpp).
#include <algorithm>
#include <cmath>
#include <vector>

#include "autograd/node.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/rkd_angle.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

constexpr double kNearest = 1e-12;  // the clamp of every squared distance in nn/losses

class RkdAngleNode : public Node {
 public:
  explicit RkdAngleNode(Tensor gradient) : gradient_(std::move(gradient)) {}
  const char* name() const override { return "rkd_angle"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {times_scalar(gradient_.get(name(), "gradient"), dy)};
  }
  void release() override { gradient_.release(); }

 private:
  Saved gradient_;
};

/// Halves of squared distances between rows, and inverse distances (0 where there is no direction).
struct Sides {
  std::size_t n;
  std::vector<double> half_square, inverse;  // n,n

  Sides(const std::vector<double>& x, std::size_t rows)
      : n(rows), half_square(rows * rows, 0), inverse(rows * rows, 0) {
    const std::size_t d = x.size() / n;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const double *a = x.data() + i * d, *b = x.data() + j * d;
        double square = 0;
#pragma omp simd reduction(+ : square) simdlen(8)
        for (std::size_t c = 0; c < d; ++c) square += (a[c] - b[c]) * (a[c] - b[c]);
        half_square[i * n + j] = half_square[j * n + i] = square / 2;
        if (square > kNearest) inverse[i * n + j] = inverse[j * n + i] = 1 / std::sqrt(square);
      }
  }
};

/// Sums over all ijk. With slopes (n,n, zero) also the derivative of the value by the squared distance of each pair of
/// student rows, below the diagonal.
class AngleSum {
 public:
  double value = 0, error = 0;

  AngleSum(const Sides& student, const Sides& teacher, std::vector<double>* slopes)
      : s_(student), t_(teacher), slopes_(slopes), product_(s_.n), angle_(s_.n) {
    for (std::size_t i = 0; i < s_.n; ++i) {
      std::fill(product_.begin(), product_.end(), 0.0);
      std::fill(angle_.begin(), angle_.end(), 0.0);
      for (std::size_t j = 0; j < s_.n; ++j) slopes_ ? add_row<true>(i, j) : add_row<false>(i, j);
      if (slopes_) add_anchor(i);
    }
  }

 private:
  /// Pairs j, k < j seen from anchor i, each for both orders; and j with itself, whose cosine is 1 or undefined.
  template <bool kSlopes>
  void add_row(std::size_t i, std::size_t j) {
    const std::size_t n = s_.n;
    const double *rs = s_.inverse.data() + i * n, *rt = t_.inverse.data() + i * n;
    const double *is = s_.half_square.data() + i * n, *it = t_.half_square.data() + i * n;
    const double *js = s_.half_square.data() + j * n, *jt = t_.half_square.data() + j * n;
    double *product = product_.data(), *angle = angle_.data(), *slopes = kSlopes ? slopes_->data() + j * n : nullptr;
    double values = 0, errors = 0, products = 0, angles = 0;
#pragma omp simd reduction(+ : values, errors, products, angles)
    for (std::size_t k = 0; k < j; ++k) {
      const double scale = rs[j] * rs[k], cosine = scale * (is[j] + is[k] - js[k]);
      const double e = cosine - rt[j] * rt[k] * (it[j] + it[k] - jt[k]);
      const double h = std::min(std::max(e, -1.0), 1.0);  // Huber's slope; its value is h * (e - h / 2)
      values += h * (e - 0.5 * h);
      errors += std::abs(e);
      if constexpr (kSlopes) {
        slopes[k] -= h * scale;
        product[k] += h * scale;
        products += h * scale;
        angle[k] += h * cosine;
        angles += h * cosine;
      }
    }
    product_[j] += products;
    angle_[j] += angles;
    const double own = (rs[j] > 0) == (rt[j] > 0) ? 0 : 1;
    value += 2 * values + 0.5 * own;
    error += 2 * errors + own;
  }

  /// What the sides at anchor i do: in the products, and as lengths, by which a cosine's derivative is -cos / (2 q).
  void add_anchor(std::size_t i) {
    const std::size_t n = s_.n;
    for (std::size_t j = 0; j < n; ++j) {
      const double r = s_.inverse[i * n + j];
      (*slopes_)[std::max(i, j) * n + std::min(i, j)] += product_[j] - r * r * angle_[j];
    }
  }

  const Sides &s_, &t_;
  std::vector<double>* slopes_;
  std::vector<double> product_, angle_;  // of one anchor: row sums of slope / lengths, of slope * cosine
};

/// From slopes by squared distances to the gradient of the rows, times `scale`: sum_j 2 slope_ij (x_i - x_j).
std::vector<double> rows_gradient(const std::vector<double>& x, const std::vector<double>& slopes, std::size_t n,
                                  double scale) {
  const std::size_t d = x.size() / n;
  std::vector<double> gradient(x.size(), 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double weight = 2 * scale * slopes[std::max(i, j) * n + std::min(i, j)];
      const double *a = x.data() + i * d, *b = x.data() + j * d;
      double* g = gradient.data() + i * d;
      for (std::size_t c = 0; c < d; ++c) g[c] += weight * (a[c] - b[c]);
    }
  return gradient;
}

LossOutput on_device(const Variable& f, const Tensor& g) {
  const bool graph = wants_graph({&f});
  const AngleSums sums = rkd_angle_sums(f.value(), g, graph);
  LossOutput out{Variable(sums.value), {{"angle_error", total_of(sums.error, std::pow(f.dim(0), 3))}}};
  if (graph) out.value = attach(sums.value, std::make_shared<RkdAngleNode>(sums.gradient), {f});
  return out;
}

}  // namespace

LossOutput rkd_angle(const Variable& f, const Tensor& g) {
  check_teacher_pairs("rkd_angle", f.value(), g);
  const std::size_t n = static_cast<std::size_t>(f.dim(0));
  const DType dtype = f.value().dtype();
  if (!on_host(f.value())) return on_device(f, g.to(dtype));
  const std::vector<double> x = f.value().to_vector<double>();
  const Sides student(x, n), teacher(g.to_vector<double>(), n);
  const bool graph = wants_graph({&f});
  std::vector<double> slopes(graph ? n * n : 0);
  const AngleSum sums(student, teacher, graph ? &slopes : nullptr);
  const double scale = 1 / std::pow(static_cast<double>(n), 3);
  LossOutput out{Variable(scalar(sums.value * scale, dtype)), {{"angle_error", sums.error * scale}}};
  if (!graph) return out;
  const Tensor gradient = from_vector(rows_gradient(x, slopes, n, scale), f.dims()).to(dtype);
  out.value = attach(out.value.value(), std::make_shared<RkdAngleNode>(gradient), {f});
  return out;
}

}  // namespace fledge
