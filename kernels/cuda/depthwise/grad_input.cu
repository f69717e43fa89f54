// Depthwise convolution, gradient of the input, in gather form. Stride 1: a forward convolution of dy with the filter
// turned by 180 degrees. 3x3 with stride 2: 2 x 4 neighbouring elements share six of dy. Else: element by element.
#include "kernels/cuda/depthwise/depthwise.h"
#include "kernels/cuda/device/columns.cuh"

namespace fledge::cuda {
namespace {

constexpr int kWide = 4;  // elements of a block of dx along w

/// With t = h + pad_top and u = w + pad_left, even t = 2i takes dy's line i through filter row 0 and line i-1 through
/// row 2, odd t = 2i+1 line i through row 1; the same for u. Rows of the grid: n, pairs of t, fours of u.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void grad_input_3x3_stride2(DepthwiseShape d, const T* __restrict__ dy,
                                                                         const T* __restrict__ w, T* __restrict__ dx,
                                                                         ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  float weight[9][V];
#pragma unroll
  for (int i = 0; i < V; ++i)
#pragma unroll
    for (int t = 0; t < 9; ++t) weight[t][i] = to_float(w[(at.column + i) * 9 + t]);

  const int across = (d.w + d.pad_left + kWide - 1) / kWide, down = (d.h + d.pad_top + 1) / 2;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int j = row % across * (kWide / 2), line = row / across, i = line % down, n = line / down;
    float out[2][kWide][V] = {};
#pragma unroll
    for (int back = 0; back < 2; ++back) {  // dy's lines i and i-1
      const int p = i - back;
      if (p < 0 || p >= d.p) continue;
      const std::int64_t first = (static_cast<std::int64_t>(n) * d.p + p) * d.q;
#pragma unroll
      for (int a = 0; a < 3; ++a) {  // dy's columns j-1, j, j+1
        const int q = j - 1 + a;
        float v[V] = {};
        if (q >= 0 && q < d.q) load<V>(dy + (first + q) * d.c + at.column, v);
#pragma unroll
        for (int b = 0; b < kWide; ++b) {
          const int s = b - 2 * (a - 1);  // u = 2q + s
          if (s < 0 || s > 2) continue;
#pragma unroll
          for (int k = 0; k < V; ++k) {
            out[0][b][k] = fmaf(v[k], weight[(back ? 6 : 0) + s][k], out[0][b][k]);
            if (!back) out[1][b][k] = fmaf(v[k], weight[3 + s][k], out[1][b][k]);
          }
        }
      }
    }
#pragma unroll
    for (int odd = 0; odd < 2; ++odd) {
      const int h = 2 * i + odd - d.pad_top, left = 2 * j - d.pad_left;
      if (h < 0 || h >= d.h) continue;
      const std::int64_t first = (static_cast<std::int64_t>(n) * d.h + h) * d.w + left;
#pragma unroll
      for (int b = 0; b < kWide; ++b)
        if (left + b >= 0 && left + b < d.w) store<V>(dx + (first + b) * d.c + at.column, out[odd][b]);
    }
  }
}

/// Any filter and stride. Rows of the grid: n, h, w.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void grad_input_any(DepthwiseShape d, const T* __restrict__ dy,
                                                                 const T* __restrict__ w, T* __restrict__ dx,
                                                                 ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  const int taps = d.r * d.s;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / d.w, n = line / d.h, top = line % d.h + d.pad_top, left = row % d.w + d.pad_left;
    float out[V] = {};
    for (int r = 0; r < d.r && r <= top; ++r) {
      const int p = (top - r) / d.stride_h;
      if (p * d.stride_h != top - r || p >= d.p) continue;
      const std::int64_t first = (static_cast<std::int64_t>(n) * d.p + p) * d.q;
      for (int s = 0; s < d.s && s <= left; ++s) {
        const int q = (left - s) / d.stride_w;
        if (q * d.stride_w != left - s || q >= d.q) continue;
        float v[V];
        load<V>(dy + (first + q) * d.c + at.column, v);
#pragma unroll
        for (int i = 0; i < V; ++i) out[i] = fmaf(v[i], to_float(w[(at.column + i) * taps + r * d.s + s]), out[i]);
      }
    }
    store<V>(dx + static_cast<std::int64_t>(row) * d.c + at.column, out);
  }
}

/// dx[h] = sum_r w[r] dy[h + pad - r] = sum_r' w[R-1-r'] dy[h + r' - (R-1-pad)].
DepthwiseShape turned(const DepthwiseShape& d) {
  DepthwiseShape t = d;
  std::swap(t.h, t.p);
  std::swap(t.w, t.q);
  t.pad_top = d.r - 1 - d.pad_top;
  t.pad_left = d.s - 1 - d.pad_left;
  return t;
}

}  // namespace

template <class T>
void depthwise_grad_input(const DepthwiseShape& d, const T* dy, const T* w, T* dx) {
  constexpr const char* op = "conv2d_grad_input";
  if (d.stride_h == 1 && d.stride_w == 1) return depthwise_forward(op, turned(d), dy, w, true, {}, dx);
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    if (d.is_3x3(2)) {
      const std::int64_t across = (d.w + d.pad_left + kWide - 1) / kWide, down = (d.h + d.pad_top + 1) / 2;
      const ColumnGrid g = column_grid(d.n * down * across, d.c / V, 1, 8);
      return launch(op, grad_input_3x3_stride2<T, V>, g.grid(), g.block(), d, dy, w, dx, g);
    }
    const ColumnGrid g = column_grid(static_cast<std::int64_t>(d.n) * d.h * d.w, d.c / V, 2, 16);
    launch(op, grad_input_any<T, V>, g.grid(), g.block(), d, dy, w, dx, g);
  };
  with_pack<4>(d.c, run, dy, dx);
}

template void depthwise_grad_input<float>(const DepthwiseShape&, const float*, const float*, float*);
template void depthwise_grad_input<bf16>(const DepthwiseShape&, const bf16*, const bf16*, bf16*);

}  // namespace fledge::cuda
