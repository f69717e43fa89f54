// Depthwise convolution, channels-last: vectors run over channels, blocks of
// four outputs along the row share their loads.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

// One slice of up to kLanes channels. `n` < kLanes only when PART.
template <bool PART>
struct Slice {
  std::int64_t n;
  FLEDGE_INLINE V get(const float* p) const { return PART ? load_part(p, n) : load(p); }
  FLEDGE_INLINE void put(float* p, V v) const { PART ? store_part(p, v, n) : store(p, v); }
};

// What a row of outputs needs besides the pictures: three input rows, nine weights, the epilogue.
struct Row3x3 {
  const float* in[3];  // input rows at their first column; one outside the picture is zeros with zero weights
  V weight[9];
  V bias, lo, hi;
  const float* residual;
  float* out;
};

template <bool PART, bool RESIDUAL>
FLEDGE_INLINE void finish(const Row3x3& row, Slice<PART> slice, std::int64_t offset, V acc) {
  if (RESIDUAL) acc += slice.get(row.residual + offset);
  slice.put(row.out + offset, clamp(row.lo, row.hi, acc));
}

/// NB neighbouring outputs from column q on, all taps inside the picture. `step`: floats between outputs in memory.
template <int NB, int STRIDE, bool PART, bool RESIDUAL>
FLEDGE_INLINE void block(const Row3x3& row, Slice<PART> slice, std::int64_t c, std::int64_t column,
                         std::int64_t out_offset) {
  V acc[NB];
  for (int b = 0; b < NB; ++b) acc[b] = row.bias;
#pragma GCC unroll 3
  for (int r = 0; r < 3; ++r) {
    const float* in = row.in[r] + column * c;
#pragma GCC unroll 9
    for (int j = 0; j < (NB - 1) * STRIDE + 3; ++j) {
      const V x = slice.get(in + j * c);
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s)
        if (j >= s && (j - s) % STRIDE == 0 && (j - s) / STRIDE < NB)
          acc[(j - s) / STRIDE] = fma(x, row.weight[3 * r + s], acc[(j - s) / STRIDE]);
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < NB; ++b) finish<PART, RESIDUAL>(row, slice, out_offset + b * c, acc[b]);
}

/// One output whose window may leave the picture at the left or right.
template <bool PART, bool RESIDUAL>
FLEDGE_INLINE void edge(const Row3x3& row, Slice<PART> slice, std::int64_t c, std::int64_t column, std::int64_t width,
                        std::int64_t out_offset) {
  V acc = row.bias;
#pragma GCC unroll 3
  for (int s = 0; s < 3; ++s) {
    const std::int64_t j = column + s;
    if (j < 0 || j >= width) continue;
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r) acc = fma(slice.get(row.in[r] + j * c), row.weight[3 * r + s], acc);
  }
  finish<PART, RESIDUAL>(row, slice, out_offset, acc);
}

/// Columns of outputs whose three taps all lie inside: [first, last).
struct Interior {
  std::int64_t first, last;
};
FLEDGE_INLINE Interior interior(const DepthwiseArgs& a) {
  std::int64_t first = (a.pad_left + a.stride_w - 1) / a.stride_w;
  std::int64_t last = a.w_in + a.pad_left < 3 ? 0 : (a.w_in - 3 + a.pad_left) / a.stride_w + 1;
  if (last > a.q) last = a.q;
  if (first > last) first = last;
  return {first, last};
}

template <int STRIDE, bool PART, bool RESIDUAL>
void row_3x3(const DepthwiseArgs& a, const Row3x3& shared, Slice<PART> slice, std::int64_t q_from, Interior in) {
  const Row3x3 row = shared;  // a local copy: the stores cannot alias it, so the weights stay in registers
  const std::int64_t c = a.c;
  std::int64_t q = q_from;
  for (; q < in.first; ++q) edge<PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, a.w_in, q * c);
  for (; q + 4 <= in.last; q += 4) block<4, STRIDE, PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, q * c);
  switch (in.last - q) {
    case 3:
      block<3, STRIDE, PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, q * c);
      break;
    case 2:
      block<2, STRIDE, PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, q * c);
      break;
    case 1:
      block<1, STRIDE, PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, q * c);
      break;
    default:
      break;
  }
  if (q < in.last) q = in.last;
  for (; q < a.q; ++q) edge<PART, RESIDUAL>(row, slice, c, q * STRIDE - a.pad_left, a.w_in, q * c);
}

template <bool PART>
void dispatch_row(const DepthwiseArgs& a, const Row3x3& row, Slice<PART> slice, std::int64_t q_from, Interior in) {
  if (row.residual)
    a.stride_w == 1 ? row_3x3<1, PART, true>(a, row, slice, q_from, in)
                    : row_3x3<2, PART, true>(a, row, slice, q_from, in);
  else
    a.stride_w == 1 ? row_3x3<1, PART, false>(a, row, slice, q_from, in)
                    : row_3x3<2, PART, false>(a, row, slice, q_from, in);
}

/// NB vectors of kLanes/C outputs each. `at`: offset of the leftmost tap, `out`: of the first output.
template <int NB>
FLEDGE_INLINE void packed_block(const Row3x3& row, std::int64_t c, std::int64_t at, std::int64_t out) {
  V acc[NB];
  for (int b = 0; b < NB; ++b) acc[b] = row.bias;
#pragma GCC unroll 3
  for (int r = 0; r < 3; ++r)
#pragma GCC unroll 3
    for (int s = 0; s < 3; ++s)
#pragma GCC unroll 4
      for (int b = 0; b < NB; ++b)
        acc[b] = fma(load(row.in[r] + at + s * c + b * kLanes), row.weight[3 * r + s], acc[b]);
#pragma GCC unroll 4
  for (int b = 0; b < NB; ++b) {
    if (row.residual) acc[b] += load(row.residual + out + b * kLanes);
    store(row.out + out + b * kLanes, clamp(row.lo, row.hi, acc[b]));
  }
}

/// Few channels, stride 1: kLanes/C neighbouring outputs fill one vector, as their inputs are neighbours in memory too.
/// Returns the first column not yet done; the columns before `in.first` are left to the caller.
std::int64_t packed_columns(const DepthwiseArgs& a, const Row3x3& shared, Interior in) {
  const Row3x3 row = shared;  // a local copy: the stores cannot alias it, so the weights stay in registers
  const std::int64_t c = a.c, per_vector = kLanes / c;
  std::int64_t q = in.first;
  for (; q + 4 * per_vector <= in.last; q += 4 * per_vector) packed_block<4>(row, c, (q - a.pad_left) * c, q * c);
  for (; q + per_vector <= in.last; q += per_vector) packed_block<1>(row, c, (q - a.pad_left) * c, q * c);
  return q;
}

/// Up to kLanes values from channel k on.
FLEDGE_INLINE V channel_vector(const float* p, std::int64_t k, std::int64_t c) {
  return c - k >= kLanes ? load(p + k) : load_part(p + k, c - k);
}

/// Weights and bias with the C channels repeated through the vector, made once per call for the packed loop.
struct Repeated {
  float weight[9 * kLanes], bias[kLanes];

  explicit Repeated(const DepthwiseArgs& a) {
    for (std::int64_t i = 0, k = 0; i < kLanes; ++i, k = k + 1 < a.c ? k + 1 : 0) {
      for (int t = 0; t < 9; ++t) weight[t * kLanes + i] = a.w[t * a.c + k];
      bias[i] = a.bias ? a.bias[k] : 0.0f;
    }
  }
};

/// Input rows and weights of output row p, channels from k on; false when no filter row touches the picture.
FLEDGE_INLINE bool set_rows(const DepthwiseArgs& a, std::int64_t picture, std::int64_t p, std::int64_t k,
                            const Repeated* repeated, Row3x3& row) {
  const std::int64_t h0 = p * a.stride_h - a.pad_top;
  if (h0 >= a.h || h0 + 2 < 0) return false;
  for (int r = 0; r < 3; ++r) {
    const bool inside = h0 + r >= 0 && h0 + r < a.h;
    row.in[r] = (inside ? a.x + (picture * a.h + h0 + r) * a.w_in * a.c : a.zeros) + k;
    for (int s = 0; s < 3; ++s)
      row.weight[3 * r + s] = !inside    ? V{}
                              : repeated ? load(repeated->weight + (3 * r + s) * kLanes)
                                         : channel_vector(a.w + (3 * r + s) * a.c, k, a.c);
  }
  return true;
}

void general_row(const DepthwiseArgs& a, std::int64_t picture, std::int64_t p);

/// `repeated` is not null where the packed loop applies.
void forward_3x3_row(const DepthwiseArgs& a, const Repeated* repeated, std::int64_t picture, std::int64_t p) {
  const std::int64_t out_row = (picture * a.p + p - a.first_row) * a.q * a.c;
  const Interior in = interior(a);
  for (std::int64_t k = 0; k < a.c; k += kLanes) {
    Row3x3 row;
    row.lo = set1(a.lo);
    row.hi = set1(a.hi);
    row.bias = repeated ? load(repeated->bias) : a.bias ? channel_vector(a.bias, k, a.c) : V{};
    row.residual = a.residual ? a.residual + out_row + k : nullptr;
    row.out = a.y + out_row + k;
    if (!set_rows(a, picture, p, k, repeated, row)) return general_row(a, picture, p);
    if (a.c - k >= kLanes) {
      dispatch_row(a, row, Slice<false>{kLanes}, 0, in);
      continue;
    }
    const Slice<true> slice{a.c - k};
    if (!repeated) {
      dispatch_row(a, row, slice, 0, in);
      continue;
    }
    const std::int64_t done = packed_columns(a, row, in);
    if (in.first > 0) {  // the left edge alone: pretend the row ends there
      DepthwiseArgs left = a;
      left.q = in.first;
      dispatch_row(left, row, slice, 0, Interior{in.first, in.first});
    }
    dispatch_row(a, row, slice, done, Interior{done, in.last});
  }
}

/// Any filter size, stride and padding.
void general_row(const DepthwiseArgs& a, std::int64_t picture, std::int64_t p) {
  const std::int64_t c = a.c, h0 = p * a.stride_h - a.pad_top;
  for (std::int64_t q = 0; q < a.q; ++q) {
    const std::int64_t w0 = q * a.stride_w - a.pad_left, out = ((picture * a.p + p - a.first_row) * a.q + q) * c;
    for (std::int64_t k = 0; k < c; k += kLanes) {
      const std::int64_t n = c - k < kLanes ? c - k : kLanes;
      V acc = a.bias ? load_part(a.bias + k, n) : V{};
      for (int r = 0; r < a.r; ++r) {
        if (h0 + r < 0 || h0 + r >= a.h) continue;
        for (int s = 0; s < a.s; ++s) {
          if (w0 + s < 0 || w0 + s >= a.w_in) continue;
          acc = fma(load_part(a.x + ((picture * a.h + h0 + r) * a.w_in + w0 + s) * c + k, n),
                    load_part(a.w + (r * a.s + s) * c + k, n), acc);
        }
      }
      if (a.residual) acc += load_part(a.residual + out + k, n);
      store_part(a.y + out + k, clamp(set1(a.lo), set1(a.hi), acc), n);
    }
  }
}

void depthwise_forward(const DepthwiseArgs& a, std::int64_t begin, std::int64_t end) {
  const bool is_3x3 = a.r == 3 && a.s == 3 && (a.stride_w == 1 || a.stride_w == 2);
  if (!is_3x3) {
    for (std::int64_t i = begin; i < end; ++i) general_row(a, i / a.p, i % a.p);
  } else if (a.c < kLanes && kLanes % a.c == 0 && a.stride_w == 1) {
    const Repeated repeated(a);
    for (std::int64_t i = begin; i < end; ++i) forward_3x3_row(a, &repeated, i / a.p, i % a.p);
  } else {
    for (std::int64_t i = begin; i < end; ++i) forward_3x3_row(a, nullptr, i / a.p, i % a.p);
  }
}

}  // namespace

void fill_depthwise_forward(SimdTable& t) { t.depthwise_forward = &depthwise_forward; }

}  // namespace fledge::cpu::FLEDGE_ISA
