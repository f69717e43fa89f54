// Batch normalisation backward: one pass over dy, x (and y for the mask) for the sums of dz and dz*(x - mean), a small
// kernel that merges them into dgamma, dbeta and what dx needs of them, one pass that writes dx. dz itself, where
// wanted (dresidual), is written by the first pass and read by the second in place of dy and y.
#include "kernels/cuda/norm_backward.h"

#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/device/tile_sums.cuh"

namespace fledge::cuda {
namespace {

/// What a pass reads: dz = dy where y passes it (y null: everywhere).
template <class T>
struct Gradient {
  const T *dy, *y;
  Activation activation;

  template <int V>
  __device__ void load_dz(std::int64_t offset, float (&dz)[V]) const {
    load<V>(dy + offset, dz);
    if (!y) return;
    float out[V];
    load<V>(y + offset, out);
#pragma unroll
    for (int i = 0; i < V; ++i) dz[i] = passes_gradient(activation, out[i]) ? dz[i] : 0.0f;
  }
};

/// partial[tile][0][column]: the sum of dz over the tile's rows; [1]: of dz * (x - mean). Writes dz unless null.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void gradient_sums(Gradient<T> gradient, const T* __restrict__ x,
                                                                T* __restrict__ dz, const float* __restrict__ means,
                                                                ColumnGrid g, int columns,
                                                                float* __restrict__ partial) {
  __shared__ float shared[kColumnThreads * V];
  const std::int64_t tile = blockIdx.x;
  const Place at = place<V>(g, tile);
  float mean[V], sum[V] = {}, product[V] = {};
  read_columns<V>(means, at.column, mean);
#pragma unroll 4
  for (std::int64_t row = at.begin; row < at.end; row += at.step) {
    const std::int64_t offset = row * columns + at.column;
    float d[V], v[V];
    gradient.load_dz(offset, d);
    load<V>(x + offset, v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      sum[i] += d[i];
      product[i] = fmaf(d[i], v[i] - mean[i], product[i]);
    }
    if (dz) store<V>(dz + offset, d);
  }
  column_sum<V>(sum, shared);
  column_sum<V>(product, shared);
  if (!at.active || threadIdx.y != 0) return;
  float* to = partial + 2 * tile * columns + at.column;
#pragma unroll
  for (int i = 0; i < V; ++i) {
    to[i] = sum[i];
    to[columns + i] = product[i];
  }
}

/// centring[0][column]: dbeta / m; [1]: dgamma * invstd / m.
__global__ __launch_bounds__(kMergeColumns* kMergeLanes) void finish_gradient_sums(const float* partial, ColumnGrid g,
                                                                                   int columns, const float* invstd,
                                                                                   float* dgamma, float* dbeta,
                                                                                   float* centering) {
  __shared__ MergeLanes shared;
  const int wanted = static_cast<int>(blockIdx.x * kMergeColumns + threadIdx.x);
  const int column = wanted < columns ? wanted : columns - 1;
  const auto part = [&](int tile, int which) -> double {
    return partial[(2 * static_cast<std::int64_t>(tile) + which) * columns + column];
  };
  const TwoSums sums = sum_over_tiles(g.tiles, shared, [&](int t) -> TwoSums { return {part(t, 0), part(t, 1)}; });
  if (threadIdx.y != 0 || wanted >= columns) return;
  const double rows = static_cast<double>(g.rows), sum = sums.first, product = sums.second * invstd[column];
  if (dgamma) dgamma[column] = static_cast<float>(product);
  if (dbeta) dbeta[column] = static_cast<float>(sum);
  centering[column] = static_cast<float>(sum / rows);
  centering[columns + column] = static_cast<float>(product * invstd[column] / rows);
}

/// dx = gamma * invstd * (dz - dbeta/m - (x - mean) * invstd * dgamma/m); without `centring` gamma * invstd * dz.
struct Correction {
  const float *gamma, *mean, *invstd, *centering;
};

template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void apply_gradient(Gradient<T> gradient, const T* __restrict__ x,
                                                                 T* __restrict__ dx, T* __restrict__ dz, Correction by,
                                                                 ColumnGrid g, int columns) {
  // From the last tile to the first: the end of the data is what the pass before left in the cache.
  const Place at = place<V>(g, static_cast<std::int64_t>(gridDim.x) - 1 - blockIdx.x);
  if (!at.active) return;
  float scale[V], mean[V], first[V] = {}, second[V] = {};
  read_columns<V>(by.mean, at.column, mean);
  read_columns<V>(by.invstd, at.column, scale);
  if (by.centering) {
    read_columns<V>(by.centering, at.column, first);
    read_columns<V>(by.centering + columns, at.column, second);
  }
#pragma unroll
  for (int i = 0; i < V; ++i) scale[i] *= by.gamma[at.column + i];
#pragma unroll 4
  for (std::int64_t row = at.begin; row < at.end; row += at.step) {
    const std::int64_t offset = row * columns + at.column;
    float d[V], v[V];
    if (by.centering) load<V>(x + offset, v);  // first: masking waits for dy and y
    gradient.load_dz(offset, d);
    if (dz) store<V>(dz + offset, d);
    if (!dx) continue;
    if (by.centering) {
#pragma unroll
      for (int i = 0; i < V; ++i) d[i] = (d[i] - first[i]) - (v[i] - mean[i]) * second[i];
    }
#pragma unroll
    for (int i = 0; i < V; ++i) d[i] *= scale[i];
    store<V>(dx + offset, d);
  }
}

/// The arguments, with null for what is absent.
template <class T>
struct BackwardPass {
  Gradient<T> gradient;
  const T* x;
  T *dx, *dz;
  std::int64_t rows;
  int columns;
};

template <class T>
void sums(const BackwardPass<T>& b, const BatchNormBackwardArgs& in, const BatchNormGrads& out, float* centering) {
  constexpr const char* op = "batch_norm_backward";
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(b.rows, b.columns / V, 4, 4);
    const Scratch partial(static_cast<std::size_t>(g.tiles) * 2 * b.columns * sizeof(float));
    launch(op, gradient_sums<T, V>, g.grid(), g.block(), b.gradient, b.x, b.dz, in.mean.as<float>(), g, b.columns,
           partial.as<float>());
    launch(op, finish_gradient_sums, merge_grid(b.columns), merge_block(), partial.as<float>(), g, b.columns,
           in.invstd.as<float>(), out.dgamma ? out.dgamma->as<float>() : nullptr,
           out.dbeta ? out.dbeta->as<float>() : nullptr, centering);
  };
  with_pack<kPack<T>>(b.columns, run, b.gradient.dy, b.gradient.y, b.x, b.dz);
}

template <class T>
void apply_gradients(const BackwardPass<T>& b, const Correction& by) {
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(b.rows, b.columns / V, 4, 16);
    launch("batch_norm_backward", apply_gradient<T, V>, g.grid(), g.block(), b.gradient, b.x, b.dx, b.dz, by, g,
           b.columns);
  };
  with_pack<kPack<T>>(b.columns, run, b.gradient.dy, b.gradient.y, b.x, b.dx, b.dz);
}

}  // namespace

template <class T>
void batch_norm_backward(ExecContext&, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                         bool batch_statistics, const BatchNormParams& p) {
  if (in.x.numel() == 0) return;
  const bool masked = p.activation != Activation::None;
  BackwardPass<T> b{{in.dy.as<T>(), masked ? in.y.as<T>() : nullptr, p.activation},
                    in.x.as<T>(),
                    out.dx ? out.dx->as<T>() : nullptr,
                    out.dresidual ? out.dresidual->as<T>() : nullptr,
                    in.x.numel() / in.x.dims[1],
                    static_cast<int>(in.x.dims[1])};
  const bool centered = batch_statistics && out.dx;
  const Scratch centering(static_cast<std::size_t>(2 * b.columns) * sizeof(float));
  if (centered || out.dgamma || out.dbeta) {
    sums(b, in, out, centering.as<float>());
    if (b.dz) {
      b.gradient = {b.dz, nullptr, Activation::None};
      b.dz = nullptr;
    }
  }
  if (!b.dx && !b.dz) return;
  apply_gradients(b, {in.gamma.as<float>(), in.mean.as<float>(), in.invstd.as<float>(),
                      centered ? centering.as<float>() : nullptr});
}

template void batch_norm_backward<float>(ExecContext&, const BatchNormBackwardArgs&, const BatchNormGrads&, bool,
                                         const BatchNormParams&);
template void batch_norm_backward<bf16>(ExecContext&, const BatchNormBackwardArgs&, const BatchNormGrads&, bool,
                                        const BatchNormParams&);

}  // namespace fledge::cuda
