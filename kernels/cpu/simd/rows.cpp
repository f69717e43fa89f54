// Row-wise functions of a matrix: softmax, log-softmax, log-sum-exp and L2 normalisation, with their gradients.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec_math.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// f(i, n) for every vector of a row; n < kLanes only at the end.
template <class F>
FLEDGE_INLINE void for_row(std::int64_t c, F f) {
  std::int64_t i = 0;
  for (; i + kLanes <= c; i += kLanes) f(i, std::int64_t{kLanes});
  if (i < c) f(i, c - i);
}

/// The maximum of a row as a shift; 0 when it is infinite, as inf - inf would be NaN. NaN entries are skipped.
float shift_of(const float* x, std::int64_t c) {
  float m = -__builtin_inff();
  V best = set1(m);
  std::int64_t i = 0;
  for (; i + kLanes <= c; i += kLanes) best = max(load(x + i), best);
  for (int lane = 0; lane < kLanes; ++lane) m = best[lane] > m ? best[lane] : m;
  for (; i < c; ++i) m = x[i] > m ? x[i] : m;
  return __builtin_isinf(m) ? 0.0f : m;
}

/// Sum of e^(x - shift), in double; the exponentials are written to y unless it is null.
double exponentials(const float* x, float* y, std::int64_t c, float shift) {
  D total = {};
  double rest = 0;
  for_row(
      c, [&](std::int64_t i, std::int64_t n) __attribute__((always_inline)) {
        const V e = exp(get(x + i, n) - shift);
        if (y) put(y + i, e, n);
        if (n == kLanes)
          total += low_doubles(e) + high_doubles(e);
        else
          for (int lane = 0; lane < n; ++lane) rest += e[lane];
      });
  return sum(total) + rest;
}

/// log of a positive double, in double: the standard function, which shares no code with other instruction sets.
double log_of(double s) { return __builtin_log(s); }

void softmax(const float* x, float* y, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, x += c, y += c) {
    const float inverse = static_cast<float>(1.0 / exponentials(x, y, c, shift_of(x, c)));
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(y + i, get(y + i, n) * inverse, n); });
  }
}

void log_softmax(const float* x, float* y, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, x += c, y += c) {
    const float shift = shift_of(x, c);
    const float log_sum = static_cast<float>(log_of(exponentials(x, nullptr, c, shift)));
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(y + i, get(x + i, n) - shift - log_sum, n); });
  }
}

void log_sum_exp(const float* x, float* y, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, x += c) {
    const float shift = shift_of(x, c);
    y[r] = static_cast<float>(shift + log_of(exponentials(x, nullptr, c, shift)));
  }
}

/// Sum of a[i]*b[i] (b null: of a[i]), products and sum in double.
double dot(const float* a, const float* b, std::int64_t c) {
  D total = {};
  double rest = 0;
  for_row(
      c, [&](std::int64_t i, std::int64_t n) __attribute__((always_inline)) {
        const V u = get(a + i, n), v = b ? get(b + i, n) : set1(1.0f);
        if (n == kLanes)
          total += low_doubles(u) * low_doubles(v) + high_doubles(u) * high_doubles(v);
        else
          for (int lane = 0; lane < n; ++lane) rest += static_cast<double>(u[lane]) * v[lane];
      });
  return sum(total) + rest;
}

void softmax_grad(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, dy += c, y += c, dx += c) {
    const float s = static_cast<float>(dot(y, dy, c));
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(dx + i, get(y + i, n) * (get(dy + i, n) - s), n); });
  }
}

void log_softmax_grad(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, dy += c, y += c, dx += c) {
    const float s = static_cast<float>(dot(dy, nullptr, c));
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(dx + i, get(dy + i, n) - exp(get(y + i, n)) * s, n); });
  }
}

void log_sum_exp_grad(const float* dy, const float* x, const float* y, float* dx, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; ++r, x += c, dx += c)
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(dx + i, exp(get(x + i, n) - y[r]) * dy[r], n); });
}

void l2_normalize(const float* x, float* y, float* norm, std::int64_t rows, std::int64_t c, double eps) {
  for (std::int64_t r = 0; r < rows; ++r, x += c, y += c) {
    const double root = __builtin_sqrt(dot(x, x, c));
    const double length = root < eps ? eps : root;
    norm[r] = static_cast<float>(length);
    const float inverse = static_cast<float>(1.0 / length);
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(y + i, get(x + i, n) * inverse, n); });
  }
}

void l2_normalize_grad(const float* dy, const float* y, const float* norm, float* dx, std::int64_t rows, std::int64_t c,
                       double eps) {
  for (std::int64_t r = 0; r < rows; ++r, dy += c, y += c, dx += c) {
    // The clamped length was rounded when it was saved, so eps is rounded alike.
    const bool clamped = !(norm[r] > static_cast<float>(eps));
    const float radial = clamped ? 0.0f : static_cast<float>(dot(y, dy, c)), length = norm[r];
    for_row(
        c, [&](std::int64_t i, std::int64_t n)
               __attribute__((always_inline)) { put(dx + i, (get(dy + i, n) - get(y + i, n) * radial) / length, n); });
  }
}

}  // namespace

void fill_rows(SimdTable& t) {
  t.softmax = &softmax;
  t.softmax_grad = &softmax_grad;
  t.log_softmax = &log_softmax;
  t.log_softmax_grad = &log_softmax_grad;
  t.log_sum_exp = &log_sum_exp;
  t.log_sum_exp_grad = &log_sum_exp_grad;
  t.l2_normalize = &l2_normalize;
  t.l2_normalize_grad = &l2_normalize_grad;
}

}  // namespace fledge::cpu::FLEDGE_ISA
