// Depthwise convolution, gradient of the weights, and the gradient of any convolution's bias: sums over tiles of rows
// into scratch memory, then a small kernel that adds the tiles up.
#include "kernels/cuda/depthwise/depthwise.h"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/device/tile_sums.cuh"

namespace fledge::cuda {
namespace {

constexpr int kGradients = 4;  // of outputs side by side: they share their inputs

/// What lane 0 leaves of a tile: partial[tile][tap][channel].
template <int V>
__device__ void put_partial(const Place& at, const float (&sum)[V], std::int64_t tile, int tap, int taps, int channels,
                            float* partial) {
  if (!at.active || threadIdx.y != 0) return;
#pragma unroll
  for (int i = 0; i < V; ++i) partial[(tile * taps + tap) * channels + at.column + i] = sum[i];
}

/// Rows of the grid: n, p, and tiles of kGradients along q.
template <class T, int V, int STRIDE>
__global__ __launch_bounds__(kColumnThreads) void grad_weight_3x3(DepthwiseShape d, const T* __restrict__ dy,
                                                                  const T* __restrict__ x, ColumnGrid g,
                                                                  float* __restrict__ partial) {
  __shared__ float shared[kColumnThreads * V];
  constexpr int kInputs = (kGradients - 1) * STRIDE + 3;
  const Place at = place<V>(g, blockIdx.x);
  const int across = (d.q + kGradients - 1) / kGradients;
  float sum[9][V] = {};
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / across, q = row % across * kGradients, p = line % d.p, n = line / d.p;
    const int top = p * STRIDE - d.pad_top, left = q * STRIDE - d.pad_left;
    const std::int64_t from = static_cast<std::int64_t>(line) * d.q + q;
    float gradient[kGradients][V] = {};
#pragma unroll
    for (int b = 0; b < kGradients; ++b)
      if (q + b < d.q) load<V>(dy + (from + b) * d.c + at.column, gradient[b]);
#pragma unroll
    for (int r = 0; r < 3; ++r) {
      if (top + r < 0 || top + r >= d.h) continue;
      const std::int64_t first = (static_cast<std::int64_t>(n) * d.h + top + r) * d.w + left;
#pragma unroll
      for (int j = 0; j < kInputs; ++j) {
        float v[V] = {};
        if (left + j >= 0 && left + j < d.w) load<V>(x + (first + j) * d.c + at.column, v);
#pragma unroll
        for (int s = 0; s < 3; ++s)
          if (j >= s && (j - s) % STRIDE == 0 && (j - s) / STRIDE < kGradients)
#pragma unroll
            for (int i = 0; i < V; ++i)
              sum[3 * r + s][i] = fmaf(v[i], gradient[(j - s) / STRIDE][i], sum[3 * r + s][i]);
      }
    }
  }
#pragma unroll
  for (int t = 0; t < 9; ++t) {
    column_sum<V>(sum[t], shared);
    put_partial<V>(at, sum[t], blockIdx.x, t, 9, d.c, partial);
  }
}

/// Any filter and stride, one tap to a block (blockIdx.z). Rows of the grid: n, p, q.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void grad_weight_any(DepthwiseShape d, const T* __restrict__ dy,
                                                                  const T* __restrict__ x, ColumnGrid g,
                                                                  float* __restrict__ partial) {
  __shared__ float shared[kColumnThreads * V];
  const Place at = place<V>(g, blockIdx.x);
  const int tap = static_cast<int>(blockIdx.z), r = tap / d.s, s = tap % d.s;
  float sum[V] = {};
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / d.q, n = line / d.p;
    const int h = line % d.p * d.stride_h - d.pad_top + r, column = row % d.q * d.stride_w - d.pad_left + s;
    if (h < 0 || h >= d.h || column < 0 || column >= d.w) continue;
    float gradient[V], v[V];
    load<V>(dy + static_cast<std::int64_t>(row) * d.c + at.column, gradient);
    load<V>(x + ((static_cast<std::int64_t>(n) * d.h + h) * d.w + column) * d.c + at.column, v);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] = fmaf(v[i], gradient[i], sum[i]);
  }
  column_sum<V>(sum, shared);
  put_partial<V>(at, sum, blockIdx.x, tap, d.r * d.s, d.c, partial);
}

template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void column_sums(const T* __restrict__ dy, ColumnGrid g, int columns,
                                                              float* __restrict__ partial) {
  __shared__ float shared[kColumnThreads * V];
  const Place at = place<V>(g, blockIdx.x);
  float sum[V] = {};
  add_rows<V>(dy, at, columns, sum);
  column_sum<V>(sum, shared);
  put_partial<V>(at, sum, blockIdx.x, 0, 1, columns, partial);
}

/// out[channel][tap] = the sum of partial[tile][tap][channel] over the tiles.
__global__ __launch_bounds__(kMergeColumns* kMergeLanes) void add_tiles(const float* partial, int tiles, int taps,
                                                                        int channels, float* out) {
  __shared__ MergeLanes shared;
  const int count = taps * channels, wanted = static_cast<int>(blockIdx.x * kMergeColumns + threadIdx.x);
  const int column = wanted < count ? wanted : count - 1;
  const auto part = [&](int t) -> TwoSums { return {partial[static_cast<std::int64_t>(t) * count + column], 0}; };
  const double sum = sum_over_tiles(tiles, shared, part).first;
  if (threadIdx.y == 0 && wanted < count) out[column % channels * taps + column / channels] = static_cast<float>(sum);
}

/// Runs fill(partial), which writes [tiles][taps][channels], and adds the tiles up.
template <class Fill>
void sum_tiles(const char* op, const ColumnGrid& g, int taps, int channels, float* out, Fill&& fill) {
  const Scratch partial(static_cast<std::size_t>(g.tiles) * taps * channels * sizeof(float));
  fill(partial.as<float>());
  launch(op, add_tiles, merge_grid(static_cast<std::int64_t>(taps) * channels), merge_block(), partial.as<float>(),
         g.tiles, taps, channels, out);
}

}  // namespace

template <class T>
void depthwise_grad_weight(const DepthwiseShape& d, const T* dy, const T* x, float* dw) {
  constexpr const char* op = "conv2d_grad_weight";
  const std::int64_t lines = static_cast<std::int64_t>(d.n) * d.p;
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    if (d.is_3x3(1) || d.is_3x3(2)) {
      const ColumnGrid g = column_grid(lines * ((d.q + kGradients - 1) / kGradients), d.c / V, 2, 4);
      return sum_tiles(op, g, 9, d.c, dw, [&](float* partial) {
        const auto kernel = d.stride_h == 1 ? grad_weight_3x3<T, V, 1> : grad_weight_3x3<T, V, 2>;
        launch(op, kernel, g.grid(), g.block(), d, dy, x, g, partial);
      });
    }
    const ColumnGrid g = column_grid(lines * d.q, d.c / V, 8, 1);
    const int taps = d.r * d.s;
    sum_tiles(op, g, taps, d.c, dw, [&](float* partial) {
      dim3 grid = g.grid();
      grid.z = static_cast<unsigned>(taps);
      launch(op, grad_weight_any<T, V>, grid, g.block(), d, dy, x, g, partial);
    });
  };
  with_pack<4>(d.c, run, dy, x);
}

template <class T>
void conv_grad_bias(ExecContext&, const TensorView& dy, const TensorView& db) {
  constexpr const char* op = "conv2d_grad_bias";
  const int columns = static_cast<int>(dy.dims[1]);
  if (columns == 0) return;
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(dy.numel() / columns, columns / V, 8, 8);
    sum_tiles(op, g, 1, columns, db.as<float>(), [&](float* partial) {
      launch(op, column_sums<T, V>, g.grid(), g.block(), dy.as<T>(), g, columns, partial);
    });
  };
  with_pack<kPack<T>>(columns, run, dy.as<T>());
}

template void depthwise_grad_weight<float>(const DepthwiseShape&, const float*, const float*, float*);
template void depthwise_grad_weight<bf16>(const DepthwiseShape&, const bf16*, const bf16*, float*);
template void conv_grad_bias<float>(ExecContext&, const TensorView&, const TensorView&);
template void conv_grad_bias<bf16>(ExecContext&, const TensorView&, const TensorView&);

}  // namespace fledge::cuda
