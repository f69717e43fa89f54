// Elementwise functions, casts and fills on dense runs. Operation numbers are those of kernels/api/eltwise.h, which the
// callers check with static_assert (kernels/cpu/eltwise.cpp).
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec_math.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// y[i] = f(x[i]); f takes and gives vectors.
template <class F>
FLEDGE_INLINE void map(const float* x, float* y, std::int64_t n, F f) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i)), n - i);
}
template <class F>
FLEDGE_INLINE void map(const float* x, const float* z, float* y, std::int64_t n, F f) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i), load(z + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i), load_part(z + i, n - i)), n - i);
}

FLEDGE_INLINE V softplus(V x) { return max(V{}, x) + log1p_unit(exp(-abs(x))); }
FLEDGE_INLINE V sigmoid(V x) { return 1.0f / (1.0f + exp(-x)); }

void unary(int op, const float* x, float* y, std::int64_t n, float a, float b) {
  const V va = set1(a), vb = set1(b), zero = {}, six = set1(6.0f);
  switch (op) {
    case 0:
      return map(x, y, n, [=](V v) { return max(zero, v); });
    case 1:
      return map(x, y, n, [=](V v) { return clamp(zero, six, v); });
    case 2:
      return map(x, y, n, [=](V v) { return exp(v); });
    case 3:
      return map(x, y, n, [=](V v) { return log(v); });
    case 4:
      return map(x, y, n, [=](V v) { return sqrt(v); });
    case 5:
      return map(x, y, n, [=](V v) { return v * v; });
    case 6:
      return map(x, y, n, [=](V v) { return abs(v); });
    case 7:
      return map(x, y, n, [=](V v) { return clamp(va, vb, v); });
    case 8:
      return map(x, y, n, [=](V v) { return fma(va, v, vb); });
    default:
      return map(x, y, n, [=](V v) { return softplus(v); });
  }
}

void unary_grad(int op, const float* dy, const float* x, const float* y, float* dx, std::int64_t n, float a, float b) {
  const V va = set1(a), vb = set1(b), six = set1(6.0f);
  switch (op) {
    case 0:
      return map(dy, x, dx, n, [=](V g, V v) { return keep(v > 0.0f, g); });
    case 1:
      return map(dy, x, dx, n, [=](V g, V v) { return keep((v > 0.0f) & (v < six), g); });
    case 2:
      return map(dy, y, dx, n, [=](V g, V v) { return g * v; });
    case 3:
      return map(dy, x, dx, n, [=](V g, V v) { return g / v; });
    case 4:
      return map(dy, y, dx, n, [=](V g, V v) { return keep(v != 0.0f, g * 0.5f / v); });
    case 5:
      return map(dy, x, dx, n, [=](V g, V v) { return g * 2.0f * v; });
    case 6:
      return map(dy, x, dx, n, [=](V g, V v) { return keep(v > 0.0f, g) - keep(v < 0.0f, g); });
    case 7:
      return map(dy, x, dx, n, [=](V g, V v) { return keep((v >= va) & (v <= vb), g); });
    case 8:
      return map(dy, dx, n, [=](V g) { return g * va; });
    default:
      return map(dy, x, dx, n, [=](V g, V v) { return g * sigmoid(v); });
  }
}

template <class F>
FLEDGE_INLINE void pairwise(const float* a, int stride_a, const float* b, int stride_b, float* y, std::int64_t n, F f) {
  const V va = set1(*a), vb = set1(*b);
  if (stride_a && stride_b)
    map(a, b, y, n, f);
  else if (stride_a)
    map(a, y, n, [=](V v) { return f(v, vb); });
  else if (stride_b)
    map(b, y, n, [=](V v) { return f(va, v); });
  else
    map(y, y, n, [=](V) { return f(va, vb); });
}

void binary(int op, const float* a, int stride_a, const float* b, int stride_b, float* y, std::int64_t n) {
  if (n == 0) return;
  switch (op) {
    case 0:
      return pairwise(a, stride_a, b, stride_b, y, n, [](V u, V v) { return u + v; });
    case 1:
      return pairwise(a, stride_a, b, stride_b, y, n, [](V u, V v) { return u - v; });
    case 2:
      return pairwise(a, stride_a, b, stride_b, y, n, [](V u, V v) { return u * v; });
    default:
      return pairwise(a, stride_a, b, stride_b, y, n, [](V u, V v) { return u / v; });
  }
}

void fill(float* y, float value, std::int64_t n) {
  const V v = set1(value);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, v);
  if (i < n) store_part(y + i, v, n - i);
}

// Plain loops: the compiler vectorises them for this file's instruction set.
void u8_to_float(const std::uint8_t* __restrict x, float* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
}
void bf16_to_float(const std::uint16_t* __restrict x, float* __restrict y, std::int64_t n) {
  auto* bits = reinterpret_cast<std::uint32_t __attribute__((may_alias))*>(y);
  for (std::int64_t i = 0; i < n; ++i) bits[i] = static_cast<std::uint32_t>(x[i]) << 16;
}
void float_to_bf16(const float* __restrict x, std::uint16_t* __restrict y, std::int64_t n) {
  const auto* bits = reinterpret_cast<const std::uint32_t __attribute__((may_alias))*>(x);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t u = bits[i];
    const std::uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;  // to nearest, ties to even
    const bool nan = (u & 0x7fffffff) > 0x7f800000;                      // rounding must not turn NaN into infinity
    y[i] = static_cast<std::uint16_t>(nan ? (u >> 16) | 0x40 : rounded);
  }
}
void double_to_float(const double* __restrict x, float* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}
void float_to_double(const float* __restrict x, double* __restrict y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
}

}  // namespace

void fill_eltwise(SimdTable& t) {
  t.unary = &unary;
  t.unary_grad = &unary_grad;
  t.binary = &binary;
  t.fill = &fill;
  t.u8_to_float = &u8_to_float;
  t.bf16_to_float = &bf16_to_float;
  t.float_to_bf16 = &float_to_bf16;
  t.double_to_float = &double_to_float;
  t.float_to_double = &float_to_double;
}

}  // namespace fledge::cpu::FLEDGE_ISA
