// Gradients of the depthwise convolution. Stride 1 grad input is a forward convolution with flipped weights (the caller
// does that); here: grad input for 3x3 stride 2 by output parity, any other size as a gather, and grad weight.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// Up to two dy rows reach one dx row at stride 2. weight[slot][s] belongs to dy row `in[slot]`.
struct ParityRows {
  const float* in[2];
  V weight[2][3];
};

/// dx columns come in pairs: 2a - pad (taps 0 and 2: dy columns a, a-1) and 2a+1 - pad (tap 1: dy column a).
template <int SLOTS>
FLEDGE_INLINE void stride2_columns(const DepthwiseGradInputArgs& a, const ParityRows& rows, float* dx, std::int64_t n) {
  V previous[SLOTS] = {};
  for (std::int64_t i = 0; 2 * i - a.pad_left < a.w_in; ++i) {
    V even = {}, odd = {};
#pragma GCC unroll 2
    for (int k = 0; k < SLOTS; ++k) {
      const V now = i < a.q ? (n == kLanes ? load(rows.in[k] + i * a.c) : load_part(rows.in[k] + i * a.c, n)) : V{};
      even = fma(now, rows.weight[k][0], even);
      even = fma(previous[k], rows.weight[k][2], even);
      odd = fma(now, rows.weight[k][1], odd);
      previous[k] = now;
    }
    const std::int64_t w = 2 * i - a.pad_left;
    if (n == kLanes) {
      if (w >= 0) store(dx + w * a.c, even);
      if (w + 1 >= 0 && w + 1 < a.w_in) store(dx + (w + 1) * a.c, odd);
    } else {
      if (w >= 0) store_part(dx + w * a.c, even, n);
      if (w + 1 >= 0 && w + 1 < a.w_in) store_part(dx + (w + 1) * a.c, odd, n);
    }
  }
}

void stride2_row(const DepthwiseGradInputArgs& a, std::int64_t picture, std::int64_t h) {
  const std::int64_t t = h + a.pad_top, c = a.c;
  int taps[2], count = 0;
  std::int64_t from[2];
  for (int r = static_cast<int>(t & 1); r < 3; r += 2) {
    if (t < r || (t - r) / 2 >= a.p) continue;
    taps[count] = r;
    from[count++] = (t - r) / 2;
  }
  for (std::int64_t k = 0; k < c; k += kLanes) {
    const std::int64_t n = c - k < kLanes ? c - k : kLanes;
    float* dx = a.dx + (picture * a.h + h) * a.w_in * c + k;
    ParityRows rows;
    for (int i = 0; i < count; ++i) {
      rows.in[i] = a.dy + (picture * a.p + from[i]) * a.q * c + k;
      for (int s = 0; s < 3; ++s) rows.weight[i][s] = load_part(a.w + (3 * taps[i] + s) * c + k, n);
    }
    if (count == 2)
      stride2_columns<2>(a, rows, dx, n);
    else if (count == 1)
      stride2_columns<1>(a, rows, dx, n);
    else
      for (std::int64_t w = 0; w < a.w_in; ++w) store_part(dx + w * c, V{}, n);
  }
}

void general_grad_input_row(const DepthwiseGradInputArgs& a, std::int64_t picture, std::int64_t h) {
  const std::int64_t c = a.c;
  for (std::int64_t w = 0; w < a.w_in; ++w)
    for (std::int64_t k = 0; k < c; k += kLanes) {
      const std::int64_t n = c - k < kLanes ? c - k : kLanes;
      V acc = {};
      for (int r = 0; r < a.r; ++r) {
        const std::int64_t th = h + a.pad_top - r;
        if (th < 0 || th % a.stride_h || th / a.stride_h >= a.p) continue;
        for (int s = 0; s < a.s; ++s) {
          const std::int64_t tw = w + a.pad_left - s;
          if (tw < 0 || tw % a.stride_w || tw / a.stride_w >= a.q) continue;
          acc = fma(load_part(a.dy + ((picture * a.p + th / a.stride_h) * a.q + tw / a.stride_w) * c + k, n),
                    load_part(a.w + (r * a.s + s) * c + k, n), acc);
        }
      }
      store_part(a.dx + ((picture * a.h + h) * a.w_in + w) * c + k, acc, n);
    }
}

void depthwise_grad_input(const DepthwiseGradInputArgs& a, std::int64_t begin, std::int64_t end) {
  const bool stride2 = a.r == 3 && a.s == 3 && a.stride_h == 2 && a.stride_w == 2;
  for (std::int64_t i = begin; i < end; ++i)
    stride2 ? stride2_row(a, i / a.h, i % a.h) : general_grad_input_row(a, i / a.h, i % a.h);
}

// --- grad weight ---------------------------------------------------------------------------------------------------

/// dy of NB neighbouring outputs times the inputs below them, filter rows [R0, R1). `in[r]`: input row at this column.
template <int NB, int STRIDE, int R0, int R1, bool PART>
FLEDGE_INLINE void weight_block(const float* dy, const float* const* in, std::int64_t c, std::int64_t n, V* acc) {
  V g[NB];
#pragma GCC unroll 4
  for (int b = 0; b < NB; ++b) g[b] = PART ? load_part(dy + b * c, n) : load(dy + b * c);
#pragma GCC unroll 3
  for (int r = R0; r < R1; ++r)
#pragma GCC unroll 9
    for (int j = 0; j < (NB - 1) * STRIDE + 3; ++j) {
      const V x = PART ? load_part(in[r] + j * c, n) : load(in[r] + j * c);
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s)
        if (j >= s && (j - s) % STRIDE == 0 && (j - s) / STRIDE < NB)
          acc[3 * r + s] = fma(x, g[(j - s) / STRIDE], acc[3 * r + s]);
    }
}

struct WeightRow {
  const float* dy;
  const float* in[3];        // first column of each input row (only [R0, R1) are valid)
  std::int64_t first, last;  // outputs with all columns inside
};

template <int STRIDE, int R0, int R1, bool PART>
FLEDGE_INLINE void weight_row(const DepthwiseGradWeightArgs& a, const WeightRow& row, std::int64_t n, V* total) {
  const std::int64_t c = a.c;
  V acc[9];
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) acc[i] = total[i];
  std::int64_t q = row.first;
  for (; q + 4 <= row.last; q += 4) {
    const std::int64_t at = (q * STRIDE - a.pad_left) * c;
    const float* in[3] = {row.in[0] + at, row.in[1] + at, row.in[2] + at};
    weight_block<4, STRIDE, R0, R1, PART>(row.dy + q * c, in, c, n, acc);
  }
  for (; q < row.last; ++q) {
    const std::int64_t at = (q * STRIDE - a.pad_left) * c;
    const float* in[3] = {row.in[0] + at, row.in[1] + at, row.in[2] + at};
    weight_block<1, STRIDE, R0, R1, PART>(row.dy + q * c, in, c, n, acc);
  }
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) total[i] = acc[i];
}

/// Outputs [from, to) whose windows may leave the picture sideways.
void weight_edges(const DepthwiseGradWeightArgs& a, const WeightRow& row, std::int64_t from, std::int64_t to, int r0,
                  int r1, std::int64_t n, V* total) {
  for (std::int64_t q = from; q < to; ++q) {
    const V g = load_part(row.dy + q * a.c, n);
    for (int r = r0; r < r1; ++r)
      for (int s = 0; s < 3; ++s) {
        const std::int64_t j = q * a.stride_w - a.pad_left + s;
        if (j >= 0 && j < a.w_in) total[3 * r + s] = fma(load_part(row.in[r] + j * a.c, n), g, total[3 * r + s]);
      }
  }
}

template <int STRIDE, bool PART>
void weight_row_any(const DepthwiseGradWeightArgs& a, const WeightRow& row, int r0, int r1, std::int64_t n, V* total) {
  weight_edges(a, row, 0, row.first, r0, r1, n, total);
  if (r0 == 0 && r1 == 3)
    weight_row<STRIDE, 0, 3, PART>(a, row, n, total);
  else if (r0 == 1 && r1 == 3)
    weight_row<STRIDE, 1, 3, PART>(a, row, n, total);
  else if (r0 == 0 && r1 == 2)
    weight_row<STRIDE, 0, 2, PART>(a, row, n, total);
  else if (r0 == 1 && r1 == 2)
    weight_row<STRIDE, 1, 2, PART>(a, row, n, total);
  else
    weight_edges(a, row, row.first, row.last, r0, r1, n, total);
  weight_edges(a, row, row.last, a.q, r0, r1, n, total);
}

/// Few channels, stride 1: kLanes/C neighbouring outputs per vector; `total` then holds each channel kLanes/C times.
FLEDGE_INLINE std::int64_t weight_row_packed(const DepthwiseGradWeightArgs& a, const WeightRow& row, V* total) {
  const std::int64_t c = a.c, per_vector = kLanes / c;
  V acc[9];
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) acc[i] = total[i];
  std::int64_t q = row.first;
  for (; q + per_vector <= row.last; q += per_vector) {
    const V g = load(row.dy + q * c);
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r)
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) acc[3 * r + s] = fma(load(row.in[r] + (q - a.pad_left + s) * c), g, acc[3 * r + s]);
  }
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i) total[i] = acc[i];
  return q;
}

void add_totals(const DepthwiseGradWeightArgs& a, std::int64_t k, std::int64_t n, bool packed, const V* total) {
  for (int i = 0; i < 9; ++i) {
    double* dw = a.dw + i * a.c + k;
    if (n == kLanes)
      add_to_doubles(dw, total[i]);
    else
      for (int lane = 0; lane < (packed ? kLanes : n); ++lane) dw[packed ? lane % a.c : lane] += total[i][lane];
  }
}

/// One slice of channels over the dy rows [begin, end): a run short enough for float sums.
template <int STRIDE, bool PART>
void weight_run(const DepthwiseGradWeightArgs& a, std::int64_t k, std::int64_t n, std::int64_t begin,
                std::int64_t end) {
  V total[9] = {};
  const bool packed = PART && STRIDE == 1 && kLanes % a.c == 0;
  WeightRow row;
  row.first = (a.pad_left + STRIDE - 1) / STRIDE;
  row.last = a.w_in + a.pad_left < 3 ? 0 : (a.w_in - 3 + a.pad_left) / STRIDE + 1;
  if (row.last > a.q) row.last = a.q;
  if (row.first > row.last) row.first = row.last;
  const std::int64_t first = row.first;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t picture = i / a.p, h0 = (i % a.p) * a.stride_h - a.pad_top;
    const int r0 = h0 < 0 ? static_cast<int>(-h0 > 3 ? 3 : -h0) : 0;
    const int r1 = a.h - h0 < 3 ? static_cast<int>(a.h - h0 < 0 ? 0 : a.h - h0) : 3;
    if (r0 >= r1) continue;
    row.dy = a.dy + i * a.q * a.c + k;
    for (int r = r0; r < r1; ++r) row.in[r] = a.x + (picture * a.h + h0 + r) * a.w_in * a.c + k;
    for (int r = 0; r < r0; ++r) row.in[r] = row.in[r0];
    for (int r = r1; r < 3; ++r) row.in[r] = row.in[r1 - 1];
    if (packed && r0 == 0 && r1 == 3) {
      // Leftover lanes hold other channels' copies, so the packed sums and the edges share `total` safely.
      const std::int64_t done = weight_row_packed(a, row, total);
      weight_edges(a, row, 0, first, 0, 3, n, total);
      weight_edges(a, row, done, a.q, 0, 3, n, total);
    } else {
      weight_row_any<STRIDE, PART>(a, row, r0, r1, n, total);
    }
  }
  add_totals(a, k, n, packed, total);
}

void general_grad_weight(const DepthwiseGradWeightArgs& a, std::int64_t begin, std::int64_t end) {
  const std::int64_t c = a.c;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t picture = i / a.p, h0 = (i % a.p) * a.stride_h - a.pad_top;
    for (int r = 0; r < a.r; ++r) {
      if (h0 + r < 0 || h0 + r >= a.h) continue;
      for (int s = 0; s < a.s; ++s)
        for (std::int64_t k = 0; k < c; k += kLanes) {
          const std::int64_t n = c - k < kLanes ? c - k : kLanes;
          V acc = {};
          for (std::int64_t q = 0; q < a.q; ++q) {
            const std::int64_t j = q * a.stride_w - a.pad_left + s;
            if (j < 0 || j >= a.w_in) continue;
            acc = fma(load_part(a.x + ((picture * a.h + h0 + r) * a.w_in + j) * c + k, n),
                      load_part(a.dy + (i * a.q + q) * c + k, n), acc);
          }
          for (int lane = 0; lane < n; ++lane) a.dw[(r * a.s + s) * c + k + lane] += acc[lane];
        }
    }
  }
}

void depthwise_grad_weight(const DepthwiseGradWeightArgs& a, std::int64_t begin, std::int64_t end) {
  if (a.r != 3 || a.s != 3 || (a.stride_w != 1 && a.stride_w != 2)) return general_grad_weight(a, begin, end);
  // Float sums of at most about a thousand terms, and a run of rows that stays in the second-level cache.
  std::int64_t run = 1024 / (a.q > 0 ? a.q : 1);
  run = run < 1 ? 1 : run > 32 ? 32 : run;
  for (std::int64_t i = begin; i < end; i += run) {
    const std::int64_t stop = i + run < end ? i + run : end;
    for (std::int64_t k = 0; k < a.c; k += kLanes) {
      const std::int64_t n = a.c - k < kLanes ? a.c - k : kLanes;
      if (n == kLanes)
        a.stride_w == 1 ? weight_run<1, false>(a, k, n, i, stop) : weight_run<2, false>(a, k, n, i, stop);
      else
        a.stride_w == 1 ? weight_run<1, true>(a, k, n, i, stop) : weight_run<2, true>(a, k, n, i, stop);
    }
  }
}

}  // namespace

void fill_depthwise_grad(SimdTable& t) {
  t.depthwise_grad_input = &depthwise_grad_input;
  t.depthwise_grad_weight = &depthwise_grad_weight;
}

}  // namespace fledge::cpu::FLEDGE_ISA
