// Max pooling, channels-last: forward saves where each maximum came from, backward gathers, element by element, from
// the windows that may have chosen it (no atomics). Semantics of ties, NaN and padding: kernels/ref/pool.cpp.
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/overlays.h"
#include "kernels/cuda/pool_average.h"

namespace fledge::cuda {
namespace {

struct PoolShape {
  int h, w, p, q;
  Pool2dParams window;
};

PoolShape pool_shape(const Dims& x, const Dims& y, const Pool2dParams& window) {
  return {static_cast<int>(x[2]), static_cast<int>(x[3]), static_cast<int>(y[2]), static_cast<int>(y[3]), window};
}

template <int V>
using Positions = Pack<std::int32_t, V>;

/// Rows of the grid: n, p, q.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void max_pool(PoolShape d, int channels, const T* __restrict__ x,
                                                           T* __restrict__ y, std::int32_t* __restrict__ indices,
                                                           ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / d.q, n = line / d.p;
    const int top = line % d.p * d.window.stride_h - d.window.pad_top;
    const int left = row % d.q * d.window.stride_w - d.window.pad_left;
    float best[V];
    Positions<V> position;
#pragma unroll
    for (int i = 0; i < V; ++i) {
      best[i] = -INFINITY;
      position.value[i] = -1;
    }
    for (int h = max(0, top); h < min(d.h, top + d.window.kernel_h); ++h)
      for (int w = max(0, left); w < min(d.w, left + d.window.kernel_w); ++w) {
        float v[V];
        load<V>(x + ((static_cast<std::int64_t>(n) * d.h + h) * d.w + w) * channels + at.column, v);
#pragma unroll
        for (int i = 0; i < V; ++i)
          if (position.value[i] < 0 || v[i] > best[i] || (isnan(v[i]) && !isnan(best[i]))) {
            best[i] = v[i];
            position.value[i] = h * d.w + w;
          }
      }
    const std::int64_t to = static_cast<std::int64_t>(row) * channels + at.column;
    store<V>(y + to, best);
    if (indices) *reinterpret_cast<Positions<V>*>(indices + to) = position;
  }
}

/// Rows of the grid: n, h, w. Window p covers lines p*stride - pad ... + kernel - 1.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void max_pool_backward(PoolShape d, int channels, const T* __restrict__ dy,
                                                                    const std::int32_t* __restrict__ indices,
                                                                    T* __restrict__ dx, ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  const Pool2dParams& k = d.window;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / d.w, n = line / d.h, h = line % d.h, w = row % d.w;
    const int bottom = h + k.pad_top, right = w + k.pad_left;  // from the first window's first tap
    const int p_first = bottom < k.kernel_h ? 0 : (bottom - k.kernel_h) / k.stride_h + 1;
    const int q_first = right < k.kernel_w ? 0 : (right - k.kernel_w) / k.stride_w + 1;
    float sum[V] = {};
    for (int p = p_first; p < min(d.p, bottom / k.stride_h + 1); ++p)
      for (int q = q_first; q < min(d.q, right / k.stride_w + 1); ++q) {
        const std::int64_t from = ((static_cast<std::int64_t>(n) * d.p + p) * d.q + q) * channels + at.column;
        const auto chosen = *reinterpret_cast<const Positions<V>*>(indices + from);
        float v[V];
        load<V>(dy + from, v);
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += chosen.value[i] == h * d.w + w ? v[i] : 0.0f;
      }
    store<V>(dx + static_cast<std::int64_t>(row) * channels + at.column, sum);
  }
}

template <class T>
void max_pool2d(ExecContext&, const TensorView& x, const TensorView& y, const TensorView* indices,
                const Pool2dParams& p) {
  if (y.numel() == 0) return;
  const int channels = static_cast<int>(x.dims[1]);
  std::int32_t* positions = indices ? indices->as<std::int32_t>() : nullptr;
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(y.numel() / channels, channels / V, 2, 16);
    launch("max_pool2d", max_pool<T, V>, g.grid(), g.block(), pool_shape(x.dims, y.dims, p), channels, x.as<T>(),
           y.as<T>(), positions, g);
  };
  with_pack<4>(channels, run, x.as<T>(), y.as<T>(), positions);
}

template <class T>
void max_pool2d_backward(ExecContext&, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                         const Pool2dParams& p) {
  if (dx.numel() == 0) return;
  const int channels = static_cast<int>(dx.dims[1]);
  const std::int32_t* positions = indices.as<std::int32_t>();
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(dx.numel() / channels, channels / V, 2, 16);
    launch("max_pool2d_backward", max_pool_backward<T, V>, g.grid(), g.block(), pool_shape(dx.dims, dy.dims, p),
           channels, dy.as<T>(), positions, dx.as<T>(), g);
  };
  with_pack<4>(channels, run, dy.as<T>(), dx.as<T>(), positions);
}

template <class T>
PoolKernels pool_kernels() {
  return {.max_pool2d = &max_pool2d<T>,
          .max_pool2d_backward = &max_pool2d_backward<T>,
          .global_avg_pool = &global_avg_pool<T>,
          .global_avg_pool_backward = &global_avg_pool_backward<T>};
}

}  // namespace

void overlay_pool(KernelTable& f32, KernelTable& bf16_table) {
  f32.pool = pool_kernels<float>();
  bf16_table.pool = pool_kernels<bf16>();
}

}  // namespace fledge::cuda
