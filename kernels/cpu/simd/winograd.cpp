// The transforms of Winograd's convolution F(m x m, 3 x 3), m = 4 and 2, channels-last: vectors run over channels, so
// each lane transforms its own channel's tile. Matrices: kernels/cpu/conv/README.md.
//
// A tile of m x m outputs is found from m + 2 = side rows and columns of inputs, by products at side^2 positions. The
// points are 0, +-5/8, +-3/2 and infinity for m = 4, and 0, +-1, infinity for m = 2. Their powers are exact in float,
// and 5/8 and 3/2 give half the rounding error of the textbook's 1 and 2.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr float kA = 0.625f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;

// The four matrices' products with a vector of one row or column: `from` and `to` are `step` vectors apart.
template <int M>
struct Points;

template <>
struct Points<4> {
  /// B^T: six inputs to six positions.
  static FLEDGE_INLINE void input(const V* d, int from, V* t, int to) {
    const V d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from], d5 = d[5 * from];
    const V even_a = d4 - kB2 * d2, odd_a = kA * d3 - (kA * kB2) * d1;
    const V even_b = d4 - kA2 * d2, odd_b = kB * d3 - (kB * kA2) * d1;
    t[0] = (kA2 * kB2) * d0 - (kA2 + kB2) * d2 + d4;
    t[to] = even_a + odd_a;
    t[2 * to] = even_a - odd_a;
    t[3 * to] = even_b + odd_b;
    t[4 * to] = even_b - odd_b;
    t[5 * to] = (kA2 * kB2) * d1 - (kA2 + kB2) * d3 + d5;
  }
  /// A^T: six positions to four outputs.
  static FLEDGE_INLINE void output(const V* m, int from, V* y, int to) {
    const V sum_a = m[from] + m[2 * from], difference_a = m[from] - m[2 * from];
    const V sum_b = m[3 * from] + m[4 * from], difference_b = m[3 * from] - m[4 * from];
    y[0] = m[0] + sum_a + sum_b;
    y[to] = kA * difference_a + kB * difference_b;
    y[2 * to] = kA2 * sum_a + kB2 * sum_b;
    y[3 * to] = (kA2 * kA) * difference_a + (kB2 * kB) * difference_b + m[5 * from];
  }
  /// A: the gradients of four outputs to six positions.
  static FLEDGE_INLINE void grad_output(const V* y, int from, V* m, int to) {
    const V y0 = y[0], y1 = y[from], y2 = y[2 * from], y3 = y[3 * from];
    const V even_a = y0 + kA2 * y2, odd_a = kA * y1 + (kA2 * kA) * y3;
    const V even_b = y0 + kB2 * y2, odd_b = kB * y1 + (kB2 * kB) * y3;
    m[0] = y0;
    m[to] = even_a + odd_a;
    m[2 * to] = even_a - odd_a;
    m[3 * to] = even_b + odd_b;
    m[4 * to] = even_b - odd_b;
    m[5 * to] = y3;
  }
  // 1 / prod(p_i - p_l) over the other finite points.
  static constexpr float kAt0 = 1 / (kA2 * kB2), kAtA = 1 / (2 * kA2 * (kA2 - kB2)), kAtB = 1 / (2 * kB2 * (kB2 - kA2));
  /// G: three taps to six positions.
  static FLEDGE_INLINE void weight(const V* w, int from, V* u, int to) {
    const V w0 = w[0], w1 = w[from], w2 = w[2 * from];
    const V even_a = kAtA * w0 + (kAtA * kA2) * w2, odd_a = (kAtA * kA) * w1;
    const V even_b = kAtB * w0 + (kAtB * kB2) * w2, odd_b = (kAtB * kB) * w1;
    u[0] = kAt0 * w0;
    u[to] = even_a + odd_a;
    u[2 * to] = even_a - odd_a;
    u[3 * to] = even_b + odd_b;
    u[4 * to] = even_b - odd_b;
    u[5 * to] = w2;
  }
  /// G^T: six positions to the gradients of three taps.
  static FLEDGE_INLINE void grad_weight(const V* u, int from, V* w, int to) {
    const V sum_a = u[from] + u[2 * from], difference_a = u[from] - u[2 * from];
    const V sum_b = u[3 * from] + u[4 * from], difference_b = u[3 * from] - u[4 * from];
    w[0] = kAt0 * u[0] + kAtA * sum_a + kAtB * sum_b;
    w[to] = (kAtA * kA) * difference_a + (kAtB * kB) * difference_b;
    w[2 * to] = (kAtA * kA2) * sum_a + (kAtB * kB2) * sum_b + u[5 * from];
  }
};

template <>
struct Points<2> {
  static FLEDGE_INLINE void input(const V* d, int from, V* t, int to) {
    const V d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from];
    t[0] = d2 - d0;
    t[to] = d2 + d1;
    t[2 * to] = d2 - d1;
    t[3 * to] = d3 - d1;
  }
  static FLEDGE_INLINE void output(const V* m, int from, V* y, int to) {
    y[0] = m[0] + m[from] + m[2 * from];
    y[to] = m[from] - m[2 * from] + m[3 * from];
  }
  static FLEDGE_INLINE void grad_output(const V* y, int from, V* m, int to) {
    const V y0 = y[0], y1 = y[from];
    m[0] = y0;
    m[to] = y0 + y1;
    m[2 * to] = y0 - y1;
    m[3 * to] = y1;
  }
  static FLEDGE_INLINE void weight(const V* w, int from, V* u, int to) {
    const V w0 = w[0], w1 = w[from], w2 = w[2 * from];
    const V even = 0.5f * (w0 + w2), odd = 0.5f * w1;
    u[0] = -w0;
    u[to] = even + odd;
    u[2 * to] = even - odd;
    u[3 * to] = w2;
  }
  static FLEDGE_INLINE void grad_weight(const V* u, int from, V* w, int to) {
    const V half_sum = 0.5f * (u[from] + u[2 * from]);
    w[0] = half_sum - u[0];
    w[to] = 0.5f * (u[from] - u[2 * from]);
    w[2 * to] = half_sum + u[3 * from];
  }
};

/// Rows of a matrix, then its columns: `ROWS` x `COLUMNS` vectors at `x` become `to` x `to` at `result`. one(from,
/// step, to, step) is the product with a row or column.
template <int ROWS, int TO, class One>
FLEDGE_INLINE void both_ways(const V* x, V* result, One one) {
  V half[TO * ROWS];
#pragma GCC unroll 6
  for (int column = 0; column < ROWS; ++column) one(x + column, ROWS, half + column, ROWS);
#pragma GCC unroll 6
  for (int row = 0; row < TO; ++row) one(half + row * ROWS, 1, result + row * TO, 1);
}

template <int M>
void input(const WinogradInputArgs& a) {
  constexpr int kSide = M + 2;
  for (std::int64_t c = 0; c < a.c; c += kLanes) {
    V x[kSide * kSide], t[kSide * kSide];
    for (int i = 0; i < kSide * kSide; ++i) x[i] = load(a.pixels[i] + c);
    both_ways<kSide, kSide>(x, t, [](const V* d, int from, V* r, int to) { Points<M>::input(d, from, r, to); });
    for (int i = 0; i < kSide * kSide; ++i) store(a.to + i * a.position_stride + c, t[i]);
  }
}

template <int M>
void grad_output(const WinogradInputArgs& a) {
  constexpr int kSide = M + 2;
  for (std::int64_t c = 0; c < a.c; c += kLanes) {
    V y[M * M], t[kSide * kSide];
    for (int i = 0; i < M * M; ++i) y[i] = load(a.pixels[i] + c);
    both_ways<M, kSide>(y, t, [](const V* d, int from, V* r, int to) { Points<M>::grad_output(d, from, r, to); });
    for (int i = 0; i < kSide * kSide; ++i) store(a.to + i * a.position_stride + c, t[i]);
  }
}

/// Zero, or NaN where an element is NaN or infinite.
FLEDGE_INLINE V not_finite(V sum, V v) { return fma(v, V{}, sum); }
FLEDGE_INLINE bool is_zero(V v) {
  VI differs = v != V{};
  std::int32_t any = 0;
  for (int i = 0; i < kLanes; ++i) any |= differs[i];
  return any == 0;
}

template <int M, bool RESIDUAL>
std::int64_t output(const WinogradOutputArgs& a) {
  constexpr int kSide = M + 2;
  const V lo = set1(a.lo), hi = set1(a.hi);
  std::int64_t left = 0;
  for (std::int64_t k = 0; k < a.k; k += kLanes) {
    V m[kSide * kSide], y[M * M], bad = {};
    for (int i = 0; i < kSide * kSide; ++i) m[i] = load(a.from + i * a.position_stride + k);
    both_ways<kSide, M>(m, y, [](const V* d, int from, V* r, int to) { Points<M>::output(d, from, r, to); });
    for (int i = 0; i < M * M; ++i) bad = not_finite(bad, y[i]);
    if (!is_zero(bad)) {
      a.left[left++] = k;
      continue;
    }
    const V bias = a.bias ? load(a.bias + k) : V{};
    for (int i = 0; i < M * M; ++i) {
      V v = y[i] + bias;
      if (RESIDUAL) v += load(a.residual[i] + k);
      store(a.pixels[i] + k, clamp(lo, hi, v));
    }
  }
  return left;
}

template <int M>
void weight(const WinogradWeightArgs& a) {
  constexpr int kSide = M + 2;
  for (std::int64_t k = 0; k < a.n; k += kLanes) {
    V w[9], u[kSide * kSide];
    for (int i = 0; i < 9; ++i) w[i] = load(a.taps[i] + k);
    both_ways<3, kSide>(w, u, [](const V* d, int from, V* r, int to) { Points<M>::weight(d, from, r, to); });
    for (int i = 0; i < kSide * kSide; ++i) store(a.positions + i * a.position_stride + k, u[i]);
  }
}

template <int M>
bool grad_weight(const WinogradGradWeightArgs& a) {
  constexpr int kSide = M + 2;
  V bad = {};
  for (std::int64_t k = 0; k < a.n; k += kLanes) {
    V u[kSide * kSide], w[9];
    for (int i = 0; i < kSide * kSide; ++i) u[i] = load(a.positions + i * a.position_stride + k);
    both_ways<kSide, 3>(u, w, [](const V* d, int from, V* r, int to) { Points<M>::grad_weight(d, from, r, to); });
    for (int i = 0; i < 9; ++i) {
      bad = not_finite(bad, w[i]);
      store(a.taps[i] + k, w[i]);
    }
  }
  return is_zero(bad);
}

void any_input(const WinogradInputArgs& a) { a.m == 4 ? input<4>(a) : input<2>(a); }
void any_grad_output(const WinogradInputArgs& a) { a.m == 4 ? grad_output<4>(a) : grad_output<2>(a); }
std::int64_t any_output(const WinogradOutputArgs& a) {
  if (a.residual) return a.m == 4 ? output<4, true>(a) : output<2, true>(a);
  return a.m == 4 ? output<4, false>(a) : output<2, false>(a);
}
void any_weight(const WinogradWeightArgs& a) { a.m == 4 ? weight<4>(a) : weight<2>(a); }
bool any_grad_weight(const WinogradGradWeightArgs& a) { return a.m == 4 ? grad_weight<4>(a) : grad_weight<2>(a); }

}  // namespace

void fill_winograd(SimdTable& t) {
  t.winograd_input = &any_input;
  t.winograd_grad_output = &any_grad_output;
  t.winograd_output = &any_output;
  t.winograd_weight = &any_weight;
  t.winograd_grad_weight = &any_grad_weight;
}

}  // namespace fledge::cpu::FLEDGE_ISA
