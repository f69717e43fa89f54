// Global average pooling, channels-last: a block sums the pixels of one picture for a tile of channels; backward hands
// every pixel its share.
#include "kernels/cuda/pool_average.h"

#include "kernels/cuda/device/columns.cuh"

namespace fledge::cuda {
namespace {

/// Tiles of the grid are whole pictures.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void average(const T* __restrict__ x, float* __restrict__ y, int channels,
                                                          ColumnGrid g) {
  __shared__ float shared[kColumnThreads * V];
  const Place at = place<V>(g, blockIdx.x);
  float sum[V] = {};
  add_rows<V>(x, at, channels, sum);
  column_sum<V>(sum, shared);
  if (!at.active || threadIdx.y != 0) return;
  float* to = y + static_cast<std::int64_t>(blockIdx.x) * channels + at.column;
#pragma unroll
  for (int i = 0; i < V; ++i) to[i] = sum[i] / static_cast<float>(g.rows_per_tile);
}

template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void spread(const float* __restrict__ dy, T* __restrict__ dx, int channels,
                                                         int pixels, ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
#pragma unroll 4
  for (std::int64_t row = at.begin; row < at.end; row += at.step) {
    const float* from = dy + static_cast<std::int64_t>(static_cast<int>(row) / pixels) * channels + at.column;
    float v[V];
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = from[i] / static_cast<float>(pixels);
    store<V>(dx + row * channels + at.column, v);
  }
}

}  // namespace

template <class T>
void global_avg_pool(ExecContext&, const TensorView& x, const TensorView& y) {
  if (x.numel() == 0) return;
  const int channels = static_cast<int>(x.dims[1]);
  const std::int64_t pixels = x.dims[2] * x.dims[3];
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid_of(x.dims[0] * pixels, channels / V, pixels);
    launch("global_avg_pool", average<T, V>, g.grid(), g.block(), x.as<T>(), y.as<float>(), channels, g);
  };
  with_pack<kPack<T>>(channels, run, x.as<T>());
}

template <class T>
void global_avg_pool_backward(ExecContext&, const TensorView& dy, const TensorView& dx) {
  if (dx.numel() == 0) return;
  const int channels = static_cast<int>(dx.dims[1]), pixels = static_cast<int>(dx.dims[2] * dx.dims[3]);
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(dx.dims[0] * pixels, channels / V, 4, 16);
    launch("global_avg_pool_backward", spread<T, V>, g.grid(), g.block(), dy.as<float>(), dx.as<T>(), channels, pixels,
           g);
  };
  with_pack<kPack<T>>(channels, run, dx.as<T>());
}

template void global_avg_pool<float>(ExecContext&, const TensorView&, const TensorView&);
template void global_avg_pool<bf16>(ExecContext&, const TensorView&, const TensorView&);
template void global_avg_pool_backward<float>(ExecContext&, const TensorView&, const TensorView&);
template void global_avg_pool_backward<bf16>(ExecContext&, const TensorView&, const TensorView&);

}  // namespace fledge::cuda
