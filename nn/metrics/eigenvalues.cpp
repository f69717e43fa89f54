#include "nn/metrics/eigenvalues.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"

namespace fledge {
namespace {

struct Tridiagonal {
  std::vector<double> diagonal, below;  // n, and n with below[n - 1] = 0
};

/// Reflections H = I - beta v v^T remove column k below its subdiagonal, k =
/// 0, 1, ...; A <- H A H, lower triangle only.
Tridiagonal tridiagonalise(std::vector<double>& a, std::int64_t n) {
  Tridiagonal t{std::vector<double>(n), std::vector<double>(n)};
  std::vector<double> v(n), w(n);
  for (std::int64_t k = 0; k + 1 < n; ++k) {
    t.diagonal[k] = a[k * n + k];
    const std::int64_t first = k + 1;
    double squares = 0;
    for (std::int64_t i = first; i < n; ++i) {
      v[i] = a[i * n + k];
      squares += v[i] * v[i];
    }
    const double norm = std::copysign(std::sqrt(squares), v[first]);
    t.below[k] = -norm;
    if (squares - v[first] * v[first] == 0) {  // nothing to remove
      t.below[k] = v[first];
      continue;
    }
    v[first] += norm;
    const double beta = 1 / (norm * v[first]);  // 2 / v^T v
    std::fill(w.begin() + first, w.end(), 0.0);
    for (std::int64_t i = first; i < n; ++i) {  // w = A v from the lower triangle
      const double* row = &a[i * n];
      double sum = 0;
      for (std::int64_t j = first; j < i; ++j) {
        sum += row[j] * v[j];
        w[j] += row[j] * v[i];
      }
      w[i] += sum + row[i] * v[i];
    }
    double along = 0;
    for (std::int64_t i = first; i < n; ++i) along += w[i] * v[i];
    for (std::int64_t i = first; i < n; ++i) w[i] = beta * (w[i] - 0.5 * beta * along * v[i]);
    for (std::int64_t i = first; i < n; ++i) {
      double* row = &a[i * n];
      for (std::int64_t j = first; j <= i; ++j) row[j] -= v[i] * w[j] + w[i] * v[j];
    }
  }
  if (n > 0) t.diagonal[n - 1] = a[n * n - 1];
  return t;
}

/// One implicit QL step on rows first..last, whose last off-diagonal is below[last - 1].
void ql_step(Tridiagonal& t, std::int64_t first, std::int64_t last) {
  std::vector<double>&d = t.diagonal, &e = t.below;
  double g = (d[first + 1] - d[first]) / (2 * e[first]);
  g = d[last] - d[first] + e[first] / (g + std::copysign(std::hypot(g, 1.0), g));
  double s = 1, c = 1, p = 0;
  for (std::int64_t i = last - 1; i >= first; --i) {
    const double f = s * e[i], b = c * e[i];
    const double r = std::hypot(f, g);
    e[i + 1] = r;
    if (r == 0) {  // the rotation splits the matrix here
      d[i + 1] -= p;
      e[last] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    const double q = (d[i] - g) * s + 2 * c * b;
    p = s * q;
    d[i + 1] = g + p;
    g = c * q - b;
  }
  d[first] -= p;
  e[first] = g;
  e[last] = 0;
}

}  // namespace

std::vector<double> symmetric_eigenvalues(std::vector<double> a, std::int64_t n) {
  Tridiagonal t = tridiagonalise(a, n);
  for (std::int64_t first = 0; first < n; ++first) {
    for (int round = 0;; ++round) {
      std::int64_t last = first;
      for (; last + 1 < n; ++last) {
        const double size = std::abs(t.diagonal[last]) + std::abs(t.diagonal[last + 1]);
        if (std::abs(t.below[last]) + size == size) break;
      }
      if (last == first) break;
      if (round == 60)
        throw Error(ErrorKind::Numeric, "symmetric_eigenvalues", "no convergence in 60 rounds",
                    "the matrix holds NaN or infinity");
      ql_step(t, first, last);
    }
  }
  std::sort(t.diagonal.begin(), t.diagonal.end(), std::greater<>());
  return t.diagonal;
}

}  // namespace fledge
