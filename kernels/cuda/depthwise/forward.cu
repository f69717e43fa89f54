// Depthwise convolution forward, with bias, residual and activation. A thread keeps V channels of the filter and walks
// over pixels. 3x3 with stride 1 or 2: four neighbouring outputs share their inputs in registers.
#include "kernels/cuda/depthwise/depthwise.h"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/columns.cuh"

namespace fledge::cuda {
namespace {

constexpr int kMostChannels = 4;  // of a thread: nine taps of each stay in registers
constexpr int kOutputs = 4;       // side by side

template <class T>
struct Epilogue {
  const float* bias;  // null: none
  const T* residual;  // null: none
  Activation activation;

  template <int V>
  __device__ void read_bias(int channel, float (&to)[V]) const {
#pragma unroll
    for (int i = 0; i < V; ++i) to[i] = bias ? bias[channel + i] : 0.0f;
  }
  template <int V>
  __device__ void finish(T* y, std::int64_t offset, float (&v)[V]) const {
    float add[V] = {};
    if (residual) load<V>(residual + offset, add);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = activate(activation, v[i] + add[i]);
    store<V>(y + offset, v);
  }
};

/// Rows of the grid: n, p, and tiles of kOutputs along q.
template <class T, int V, int STRIDE>
__global__ __launch_bounds__(kColumnThreads) void forward_3x3(DepthwiseShape d, const T* __restrict__ x,
                                                              const T* __restrict__ w, bool flipped, Epilogue<T> e,
                                                              T* __restrict__ y, ColumnGrid g) {
  constexpr int kInputs = (kOutputs - 1) * STRIDE + 3;
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  float weight[9][V], bias[V];
#pragma unroll
  for (int i = 0; i < V; ++i)
#pragma unroll
    for (int t = 0; t < 9; ++t) weight[t][i] = to_float(w[(at.column + i) * 9 + (flipped ? 8 - t : t)]);
  e.template read_bias<V>(at.column, bias);

  const int across = (d.q + kOutputs - 1) / kOutputs;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / across, q = row % across * kOutputs, p = line % d.p, n = line / d.p;
    const int top = p * STRIDE - d.pad_top, left = q * STRIDE - d.pad_left;
    float out[kOutputs][V];
#pragma unroll
    for (int b = 0; b < kOutputs; ++b)
#pragma unroll
      for (int i = 0; i < V; ++i) out[b][i] = bias[i];
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
          if (j >= s && (j - s) % STRIDE == 0 && (j - s) / STRIDE < kOutputs)
#pragma unroll
            for (int i = 0; i < V; ++i)
              out[(j - s) / STRIDE][i] = fmaf(v[i], weight[3 * r + s][i], out[(j - s) / STRIDE][i]);
      }
    }
    const std::int64_t to = (static_cast<std::int64_t>(line) * d.q + q) * d.c + at.column;
#pragma unroll
    for (int b = 0; b < kOutputs; ++b)
      if (q + b < d.q) e.template finish<V>(y, to + static_cast<std::int64_t>(b) * d.c, out[b]);
  }
}

/// Any filter and stride. Rows of the grid: n, p, q.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void forward_any(DepthwiseShape d, const T* __restrict__ x,
                                                              const T* __restrict__ w, bool flipped, Epilogue<T> e,
                                                              T* __restrict__ y, ColumnGrid g) {
  const Place at = place<V>(g, blockIdx.x);
  if (!at.active) return;
  const int taps = d.r * d.s;
  for (int row = static_cast<int>(at.begin); row < static_cast<int>(at.end); row += at.step) {
    const int line = row / d.q, n = line / d.p;
    const int top = line % d.p * d.stride_h - d.pad_top, left = row % d.q * d.stride_w - d.pad_left;
    float out[V];
    e.template read_bias<V>(at.column, out);
    for (int r = 0; r < d.r; ++r) {
      if (top + r < 0 || top + r >= d.h) continue;
      const std::int64_t first = (static_cast<std::int64_t>(n) * d.h + top + r) * d.w + left;
      for (int s = 0; s < d.s; ++s) {
        if (left + s < 0 || left + s >= d.w) continue;
        float v[V];
        load<V>(x + (first + s) * d.c + at.column, v);
        const int tap = flipped ? taps - 1 - (r * d.s + s) : r * d.s + s;
#pragma unroll
        for (int i = 0; i < V; ++i) out[i] = fmaf(v[i], to_float(w[(at.column + i) * taps + tap]), out[i]);
      }
    }
    e.template finish<V>(y, static_cast<std::int64_t>(row) * d.c + at.column, out);
  }
}

}  // namespace

template <class T>
void depthwise_forward(const char* op, const DepthwiseShape& d, const T* x, const T* w, bool flipped,
                       const ConvEpilogue& epilogue, T* y) {
  const Epilogue<T> e{epilogue.bias ? epilogue.bias->as<float>() : nullptr,
                      epilogue.residual ? epilogue.residual->as<T>() : nullptr, epilogue.activation};
  const std::int64_t lines = static_cast<std::int64_t>(d.n) * d.p;
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid tiled = column_grid(lines * ((d.q + kOutputs - 1) / kOutputs), d.c / V, 1, 8);
    if (d.is_3x3(1))
      return launch(op, forward_3x3<T, V, 1>, tiled.grid(), tiled.block(), d, x, w, flipped, e, y, tiled);
    if (d.is_3x3(2))
      return launch(op, forward_3x3<T, V, 2>, tiled.grid(), tiled.block(), d, x, w, flipped, e, y, tiled);
    const ColumnGrid g = column_grid(lines * d.q, d.c / V, 2, 16);
    launch(op, forward_any<T, V>, g.grid(), g.block(), d, x, w, flipped, e, y, g);
  };
  with_pack<kMostChannels>(d.c, run, x, e.residual, y);
}

template void depthwise_forward<float>(const char*, const DepthwiseShape&, const float*, const float*, bool,
                                       const ConvEpilogue&, float*);
template void depthwise_forward<bf16>(const char*, const DepthwiseShape&, const bf16*, const bf16*, bool,
                                      const ConvEpilogue&, bf16*);

}  // namespace fledge::cuda
