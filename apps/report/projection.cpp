#include "apps/report/projection.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "tensor/random.h"

namespace fledge::report {
namespace {

using Axis = std::vector<double>;

double dot(const Axis& a, const Axis& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Length 1; a zero vector stays.
double normalize(Axis& a) {
  const double length = std::sqrt(dot(a, a));
  if (length > 0)
    for (double& v : a) v /= length;
  return length;
}

std::vector<double> centered(const Matrix& m) {
  std::vector<double> out(m.values.begin(), m.values.end());
  for (std::int64_t c = 0; c < m.columns; ++c) {
    double mean = 0;
    for (std::int64_t r = 0; r < m.rows; ++r) mean += out[r * m.columns + c] / static_cast<double>(m.rows);
    for (std::int64_t r = 0; r < m.rows; ++r) out[r * m.columns + c] -= mean;
  }
  return out;
}

// covariance * v without the covariance: X^T (X v) / N.
Axis times_covariance(const std::vector<double>& x, std::int64_t rows, const Axis& v) {
  const std::size_t d = v.size();
  Axis out(d, 0);
  stop_if_asked();
  for (std::int64_t r = 0; r < rows; ++r) {
    const double* row = x.data() + static_cast<std::size_t>(r) * d;
    double along = 0;
    for (std::size_t i = 0; i < d; ++i) along += row[i] * v[i];
    for (std::size_t i = 0; i < d; ++i) out[i] += along * row[i];
  }
  for (double& value : out) value /= static_cast<double>(rows);
  return out;
}

void remove_part_along(Axis& a, const Axis& unit) {
  const double part = dot(a, unit);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= part * unit[i];
}

void choose_sign(Axis& a) {
  const auto largest =
      std::max_element(a.begin(), a.end(), [](double x, double y) { return std::abs(x) < std::abs(y); });
  if (largest != a.end() && *largest < 0)
    for (double& v : a) v = -v;
}

// Affinities of one row that have the wanted perplexity: the width of its Gaussian by bisection.
void row_affinities(const std::vector<float>& squared, std::int64_t n, std::int64_t row, double perplexity, float* p) {
  const double wanted = std::log(perplexity);
  double beta = 1, low = 0, high = -1, nearest = -1;
  for (std::int64_t j = 0; j < n; ++j)
    if (j != row && (nearest < 0 || squared[j] < nearest)) nearest = squared[j];
  for (int round = 0; round < 64; ++round) {
    double sum = 0, weighted = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      const double excess = squared[j] - nearest;
      p[j] = j == row ? 0 : static_cast<float>(std::exp(-beta * excess));
      sum += p[j], weighted += p[j] * excess;
    }
    const double entropy = std::log(sum) + beta * weighted / sum;
    for (std::int64_t j = 0; j < n; ++j) p[j] = static_cast<float>(p[j] / sum);
    if (std::abs(entropy - wanted) < 1e-5) return;
    if (entropy > wanted)
      low = beta, beta = high < 0 ? beta * 2 : (beta + high) / 2;
    else
      high = beta, beta = (beta + low) / 2;
  }
}

// Symmetric joint affinities, N x N, their sum 1.
std::vector<float> joint_affinities(const Matrix& rows, double perplexity) {
  const std::int64_t n = rows.rows;
  std::vector<float> p(static_cast<std::size_t>(n * n)), squared(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    stop_if_asked();
    for (std::int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (std::int64_t k = 0; k < rows.columns; ++k) {
        const float difference = rows.row(i)[k] - rows.row(j)[k];
        sum += difference * difference;
      }
      squared[j] = sum;
    }
    row_affinities(squared, n, i, perplexity, p.data() + i * n);
  }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j)
      p[i * n + j] = p[j * n + i] = std::max((p[i * n + j] + p[j * n + i]) / (2 * static_cast<float>(n)), 1e-12f);
  return p;
}

// Positions of one axis each, so that the loops over pairs run in vectors.
class Descent {
 public:
  Descent(std::vector<float> affinities, const std::vector<Point>& start)
      : n_(start.size()), p_(std::move(affinities)), gains_(2 * n_, 1.0f), moves_(2 * n_, 0.0f) {
    for (const Point& s : start) x_.push_back(static_cast<float>(s.x)), y_.push_back(static_cast<float>(s.y));
  }

  void step(float exaggeration, float momentum, float rate) {
    stop_if_asked();
    const float total = kernel_sum();
    for (std::size_t i = 0; i < n_; ++i) {
      const float* p = p_.data() + i * n_;
      float gx = 0, gy = 0;
      for (std::size_t j = 0; j < n_; ++j) {
        const float dx = x_[i] - x_[j], dy = y_[i] - y_[j], q = 1 / (1 + dx * dx + dy * dy);
        const float force = (exaggeration * p[j] - q / total) * q;
        gx += force * dx, gy += force * dy;
      }
      advance(i, 4 * gx, momentum, rate);
      advance(n_ + i, 4 * gy, momentum, rate);
    }
    for (std::size_t i = 0; i < n_; ++i) x_[i] += moves_[i], y_[i] += moves_[n_ + i];
  }

  std::vector<Point> points() const {
    std::vector<Point> out;
    for (std::size_t i = 0; i < n_; ++i) out.push_back({x_[i], y_[i]});
    return out;
  }

 private:
  float kernel_sum() const {
    double total = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      float sum = 0;
      for (std::size_t j = 0; j < n_; ++j) {
        const float dx = x_[i] - x_[j], dy = y_[i] - y_[j];
        sum += 1 / (1 + dx * dx + dy * dy);
      }
      total += sum - 1;  // without the pair with itself
    }
    return static_cast<float>(std::max(total, 1e-12));
  }
  // Jacobs' gains, as in the authors' program.
  void advance(std::size_t at, float gradient, float momentum, float rate) {
    const bool turned = (gradient > 0) != (moves_[at] > 0);
    gains_[at] = std::max(0.01f, turned ? gains_[at] + 0.2f : gains_[at] * 0.8f);
    moves_[at] = momentum * moves_[at] - rate * gains_[at] * gradient;
  }

  std::size_t n_;
  std::vector<float> p_, gains_, moves_, x_, y_;
};

}  // namespace

PcaMap pca(const Matrix& m) {
  PcaMap out;
  out.points.resize(static_cast<std::size_t>(m.rows));
  if (m.rows == 0 || m.columns == 0) return out;
  const std::vector<double> x = centered(m);
  double variance = 0;
  for (const double v : x) variance += v * v / static_cast<double>(m.rows);
  if (variance <= 0) return out;

  Generator g = Generator::of({0x706361});  // "pca": any start will do, the axes do not depend on it
  Axis axes[2] = {Axis(static_cast<std::size_t>(m.columns)), Axis(static_cast<std::size_t>(m.columns))};
  for (Axis& a : axes) {
    for (double& v : a) v = g.normal();
    normalize(a);
  }
  double lengths[2] = {0, 0};
  for (int round = 0; round < 500; ++round) {
    double change = 0;
    for (int k = 0; k < 2; ++k) {
      Axis next = times_covariance(x, m.rows, axes[k]);
      if (k == 1) remove_part_along(next, axes[0]);
      lengths[k] = normalize(next);
      if (k == 1 && lengths[1] < 1e-12 * lengths[0]) lengths[1] = 0;  // all rows on one line
      change = std::max(change, 1 - std::abs(dot(next, axes[k])));
      axes[k] = next;
    }
    if (change < 1e-12) break;
  }
  for (int k = 0; k < 2; ++k) {
    if (lengths[k] == 0) continue;
    choose_sign(axes[k]);
    out.explained[k] = lengths[k] / variance;
    for (std::int64_t r = 0; r < m.rows; ++r) {
      double along = 0;
      for (std::int64_t c = 0; c < m.columns; ++c) along += x[r * m.columns + c] * axes[k][c];
      (k == 0 ? out.points[r].x : out.points[r].y) = along;
    }
  }
  return out;
}

std::vector<Point> tsne(const Matrix& rows, const TsneOptions& options) {
  constexpr int kEarly = 250;
  const std::int64_t n = rows.rows;
  std::vector<Point> start = pca(rows).points;
  if (n < 5) return start;
  double spread = 0;
  for (const Point& p : start) spread += p.x * p.x / static_cast<double>(n);
  const double scale = spread > 0 ? 1e-4 / std::sqrt(spread) : 1;
  for (Point& p : start) p.x *= scale, p.y *= scale;
  Descent descent(joint_affinities(rows, std::min(options.perplexity, static_cast<double>(n - 1) / 3)), start);
  const float rate = std::max(static_cast<float>(n) / 48, 50.0f);
  for (int i = 0; i < options.iterations; ++i) descent.step(i < kEarly ? 12 : 1, i < kEarly ? 0.5f : 0.8f, rate);
  return descent.points();
}

}  // namespace fledge::report
