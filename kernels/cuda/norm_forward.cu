// Batch normalisation forward: one pass over x for the statistics of tiles of rows, a small kernel that merges them and
// keeps the running ones, one pass that applies them with residual and activation. Formulas: kernels/ref/norm.cpp.
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/columns.cuh"
#include "kernels/cuda/device/tile_sums.cuh"
#include "kernels/cuda/norm_backward.h"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

/// Statistics are taken of x - shift, the column's first value: sums stay as small as the deviations are, however far
/// from zero the values lie.
template <class T>
__device__ float shift_of(const T* x, int column) {
  const float v = to_float(x[column]);
  return isfinite(v) ? v : 0.0f;
}

/// Count, mean and sum of squared deviations of V columns.
template <int V>
struct Moments {
  float count = 0, mean[V] = {}, squares[V] = {};

  /// Merges N more rows (Chan, Golub, LeVeque 1979).
  template <int N>
  __device__ void add(const float (&rows)[N][V]) {
    const float share = N / (count + N);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      float sum = 0, around = 0;
#pragma unroll
      for (int u = 0; u < N; ++u) sum += rows[u][i];
      const float center = sum * (1.0f / N);
#pragma unroll
      for (int u = 0; u < N; ++u) around = fmaf(rows[u][i] - center, rows[u][i] - center, around);
      const float delta = center - mean[i];
      mean[i] = fmaf(delta, share, mean[i]);
      squares[i] += fmaf(delta * delta, count * share, around);
    }
    count += N;
  }
};

/// Rows a thread reads before it adds them: enough loads under way, not too many registers.
template <int V>
inline constexpr int kRowsTogether = V > 4 ? 4 : 8;

/// N rows from `row` on, `stride` elements apart, less the shift.
template <int N, class T, int V>
__device__ void add_rows(const T* row, std::int64_t stride, const float (&shift)[V], Moments<V>& moments) {
  float rows[N][V];
#pragma unroll
  for (int u = 0; u < N; ++u) load<V>(row + u * stride, rows[u]);
#pragma unroll
  for (int u = 0; u < N; ++u)
#pragma unroll
    for (int i = 0; i < V; ++i) rows[u][i] -= shift[i];
  moments.template add<N>(rows);
}

/// partial[tile][0][column]: the mean of x - shift over the tile's rows; [1]: the squared deviations from it.
template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void column_moments(const T* __restrict__ x, ColumnGrid g, int columns,
                                                                 float* __restrict__ partial) {
  __shared__ float shared[kColumnThreads * V];
  constexpr int kRows = kRowsTogether<V>;
  const std::int64_t tile = blockIdx.x;
  const Place at = place<V>(g, tile);
  float shift[V];
#pragma unroll
  for (int i = 0; i < V; ++i) shift[i] = shift_of(x, at.column + i);

  Moments<V> moments;
  const std::int64_t stride = static_cast<std::int64_t>(at.step) * columns;
  const T* p = x + at.begin * columns + at.column;
  std::int64_t row = at.begin;
  for (; row + (kRows - 1) * at.step < at.end; row += kRows * at.step, p += kRows * stride)
    add_rows<kRows>(p, stride, shift, moments);
  for (; row < at.end; row += at.step, p += stride) add_rows<1>(p, stride, shift, moments);

  float mean[V], squares[V];
#pragma unroll
  for (int i = 0; i < V; ++i) mean[i] = moments.mean[i] * moments.count;
  column_sum<V>(mean, shared);
  const std::int64_t left = g.rows - tile * g.rows_per_tile;
  const float count = static_cast<float>(left < g.rows_per_tile ? left : g.rows_per_tile);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    mean[i] /= count;
    const float delta = moments.mean[i] - mean[i];
    squares[i] = fmaf(delta * delta, moments.count, moments.squares[i]);
  }
  column_sum<V>(squares, shared);
  if (!at.active || threadIdx.y != 0) return;
  float* to = partial + 2 * tile * columns + at.column;
#pragma unroll
  for (int i = 0; i < V; ++i) {
    to[i] = mean[i];
    to[columns + i] = squares[i];
  }
}

struct Statistics {
  float *mean, *invstd, *running_mean, *running_var;  // the running ones may be null
  double eps, momentum;
};

__device__ void update_running(float* running, int column, double statistic, double momentum) {
  if (running) running[column] = static_cast<float>((1 - momentum) * running[column] + momentum * statistic);
}

template <class T>
__global__ __launch_bounds__(kMergeColumns* kMergeLanes) void finish_moments(const T* x, const float* partial,
                                                                             ColumnGrid g, int columns,
                                                                             Statistics out) {
  __shared__ MergeLanes shared;
  const int wanted = static_cast<int>(blockIdx.x * kMergeColumns + threadIdx.x);
  const int column = wanted < columns ? wanted : columns - 1;
  const auto part = [&](int tile, int which) -> double {
    return partial[(2 * static_cast<std::int64_t>(tile) + which) * columns + column];
  };
  const auto count = [&](int tile) -> double {
    const std::int64_t left = g.rows - tile * g.rows_per_tile;
    return static_cast<double>(left < g.rows_per_tile ? left : g.rows_per_tile);
  };
  const double rows = static_cast<double>(g.rows);
  const TwoSums sums = sum_over_tiles(g.tiles, shared, [&](int t) -> TwoSums {
    const double mean = part(t, 0), sum = count(t) * mean;
    return {sum, part(t, 1) + sum * mean};
  });
  if (threadIdx.y != 0 || wanted >= columns) return;
  // The shift is one of the values: the sum of squares about the mean is at least offset^2, so that the difference
  // below loses a factor of `rows` at most, of double's 2^53.
  const double offset = sums.first / rows, squares = sums.second - sums.first * offset;
  const double mean = shift_of(x, column) + offset;
  out.mean[column] = static_cast<float>(mean);
  out.invstd[column] = static_cast<float>(1 / sqrt(squares / rows + out.eps));
  update_running(out.running_mean, column, mean, out.momentum);
  // A single value has no unbiased variance; its squares are 0, and 0 is what it adds.
  update_running(out.running_var, column, g.rows > 1 ? squares / (rows - 1) : 0, out.momentum);
}

struct Normalization {
  const float *gamma, *beta, *mean, *spread;
  float eps;
  bool spread_is_variance;  // else it is invstd
  Activation activation;
};

/// A thread's columns of y = act((x - mean) * scale + beta + residual).
template <class T, int V>
struct RowNormalizer {
  Activation activation;
  float mean[V], scale[V], beta[V];

  /// N rows, `stride` elements apart: all loads come before any store, so that they are under way together.
  template <int N>
  __device__ void rows(const T* x, const T* residual, T* y, std::int64_t offset, std::int64_t stride) const {
    float v[N][V], add[N][V] = {};
#pragma unroll
    for (int u = 0; u < N; ++u) load<V>(x + offset + u * stride, v[u]);
    if (residual) {
#pragma unroll
      for (int u = 0; u < N; ++u) load<V>(residual + offset + u * stride, add[u]);
    }
#pragma unroll
    for (int u = 0; u < N; ++u) {
#pragma unroll
      for (int i = 0; i < V; ++i)
        v[u][i] = activate(activation, fmaf(v[u][i] - mean[i], scale[i], beta[i]) + add[u][i]);
      store<V>(y + offset + u * stride, v[u]);
    }
  }
};

template <class T, int V>
__global__ __launch_bounds__(kColumnThreads) void normalize(const T* __restrict__ x, const T* __restrict__ residual,
                                                            T* __restrict__ y, Normalization norm, ColumnGrid g,
                                                            int columns) {
  // From the last tile to the first: the end of x is what the pass before left in the cache.
  const Place at = place<V>(g, static_cast<std::int64_t>(gridDim.x) - 1 - blockIdx.x);
  if (!at.active) return;
  RowNormalizer<T, V> by{norm.activation, {}, {}, {}};
  read_columns<V>(norm.mean, at.column, by.mean);
  read_columns<V>(norm.beta, at.column, by.beta);
  read_columns<V>(norm.spread, at.column, by.scale);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    const float gamma = norm.gamma[at.column + i];
    by.scale[i] = norm.spread_is_variance ? gamma / sqrtf(by.scale[i] + norm.eps) : gamma * by.scale[i];
  }
  constexpr int kRows = V > 4 ? 2 : 4;
  const std::int64_t stride = static_cast<std::int64_t>(at.step) * columns;
  std::int64_t row = at.begin, offset = row * columns + at.column;
  for (; row + (kRows - 1) * at.step < at.end; row += kRows * at.step, offset += kRows * stride)
    by.template rows<kRows>(x, residual, y, offset, stride);
  for (; row < at.end; row += at.step, offset += stride) by.template rows<1>(x, residual, y, offset, stride);
}

template <class T>
const T* data_or_null(const TensorView* v) {
  return v ? v->as<T>() : nullptr;
}

template <class T>
void apply_statistics(const char* op, const TensorView& x, const TensorView* residual, const TensorView& y,
                      const Normalization& norm) {
  const int columns = static_cast<int>(x.dims[1]);
  const T* add = data_or_null<T>(residual);
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(x.numel() / columns, columns / V, 4, 16);
    launch(op, normalize<T, V>, g.grid(), g.block(), x.as<T>(), add, y.as<T>(), norm, g, columns);
  };
  with_pack<kPack<T>>(columns, run, x.as<T>(), add, y.as<T>());
}

template <class T>
void batch_norm_train(ExecContext&, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
                      const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  constexpr const char* op = "batch_norm_train";
  if (x.numel() == 0) return;
  const int columns = static_cast<int>(x.dims[1]);
  const Statistics statistics{mean.as<float>(),
                              invstd.as<float>(),
                              running_mean ? running_mean->as<float>() : nullptr,
                              running_var ? running_var->as<float>() : nullptr,
                              p.eps,
                              p.momentum};
  const auto run = [&](auto v) {
    constexpr int V = decltype(v)::value;
    const ColumnGrid g = column_grid(x.numel() / columns, columns / V, kRowsTogether<V>, 4);
    const Scratch partial(static_cast<std::size_t>(g.tiles) * 2 * columns * sizeof(float));
    launch(op, column_moments<T, V>, g.grid(), g.block(), x.as<T>(), g, columns, partial.as<float>());
    launch(op, finish_moments<T>, merge_grid(columns), merge_block(), x.as<T>(), partial.as<float>(), g, columns,
           statistics);
  };
  with_pack<kPack<T>>(columns, run, x.as<T>());
  apply_statistics<T>(
      op, x, residual, y,
      {gamma.as<float>(), beta.as<float>(), mean.as<float>(), invstd.as<float>(), 0.0f, false, p.activation});
}

template <class T>
void batch_norm_eval(ExecContext&, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                     const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                     const BatchNormParams& p) {
  if (x.numel() == 0) return;
  apply_statistics<T>("batch_norm_eval", x, residual, y,
                      {gamma.as<float>(), beta.as<float>(), mean.as<float>(), var.as<float>(),
                       static_cast<float>(p.eps), true, p.activation});
}

template <class T>
NormKernels norm_kernels() {
  return {.batch_norm_train = &batch_norm_train<T>,
          .batch_norm_eval = &batch_norm_eval<T>,
          .batch_norm_backward = &batch_norm_backward<T>};
}

}  // namespace

void overlay_norm(KernelTable& f32, KernelTable& bf16_table) {
  f32.norm = norm_kernels<float>();
  bf16_table.norm = norm_kernels<bf16>();
}

}  // namespace fledge::cuda
