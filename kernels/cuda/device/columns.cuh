// Channels-last data as a matrix: rows (pixels, or tiles of pixels) x columns (channels), V columns to a thread.
// A block is `width` threads across the columns by `lanes` down the rows, so that neighbouring threads read
// neighbouring memory for any number of channels; a thread keeps its columns while it walks down the block's tile.
#pragma once
#include <algorithm>
#include <type_traits>

#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

inline constexpr int kColumnThreads = 256;  // at most, in a block

struct ColumnGrid {
  std::int64_t rows, rows_per_tile;
  int packs;                // threads needed across all columns
  int width, lanes;         // of a block
  int tiles, column_tiles;  // blocks down and across

  dim3 grid() const { return {static_cast<unsigned>(tiles), static_cast<unsigned>(column_tiles), 1}; }
  dim3 block() const { return {static_cast<unsigned>(width), static_cast<unsigned>(lanes), 1}; }
};

/// Tiles of a given height.
inline ColumnGrid column_grid_of(std::int64_t rows, std::int64_t packs, std::int64_t rows_per_tile) {
  constexpr std::int64_t kWidest = 64;
  ColumnGrid g{};
  g.rows = rows;
  g.packs = static_cast<int>(packs);
  g.column_tiles = static_cast<int>((packs + kWidest - 1) / kWidest);
  g.width = static_cast<int>((packs + g.column_tiles - 1) / std::max(1, g.column_tiles));
  g.rows_per_tile = std::max<std::int64_t>(1, rows_per_tile);
  g.lanes = static_cast<int>(std::min<std::int64_t>(kColumnThreads / std::max(1, g.width), g.rows_per_tile));
  g.tiles = static_cast<int>((rows + g.rows_per_tile - 1) / g.rows_per_tile);
  return g;
}

/// About `blocks_per_sm` blocks for each multiprocessor, but at least `rows_per_lane` rows for each thread, to pay for
/// what a thread sets up (and, in a reduction, for the partial sums of a tile).
inline ColumnGrid column_grid(std::int64_t rows, std::int64_t packs, int rows_per_lane, int blocks_per_sm) {
  const ColumnGrid whole = column_grid_of(rows, packs, std::max<std::int64_t>(1, rows));
  const std::int64_t wanted = std::max(1, blocks_per_sm * multiprocessors() / std::max(1, whole.column_tiles));
  const std::int64_t steps = (rows + whole.lanes * wanted - 1) / (whole.lanes * wanted);
  return column_grid_of(rows, packs, whole.lanes * std::max<std::int64_t>(rows_per_lane, steps));
}

/// What a thread works on: rows begin, begin + step, ... < end; columns from `column` on. Threads beyond the last
/// column are not active: they have no rows, may read column 0, and must not write.
struct Place {
  std::int64_t begin, end;
  int step, column;
  bool active;
};

template <int V>
__device__ inline Place place(const ColumnGrid& g, std::int64_t tile) {
  const int pack = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  Place at{};
  at.active = pack < g.packs;
  at.column = at.active ? pack * V : 0;
  at.step = static_cast<int>(blockDim.y);
  at.begin = tile * g.rows_per_tile + threadIdx.y;
  const std::int64_t end = (tile + 1) * g.rows_per_tile;
  at.end = !at.active ? at.begin : end < g.rows ? end : g.rows;
  return at;
}

/// v becomes the sum over the block's lanes, for every thread of the column, in an order that depends on `lanes` only.
/// All threads of the block must call it. `shared`: kColumnThreads * V floats, free again on return.
template <int V>
__device__ inline void column_sum(float (&v)[V], float* shared) {
  const int lane = static_cast<int>(threadIdx.y), width = static_cast<int>(blockDim.x);
  float* mine = shared + (lane * width + static_cast<int>(threadIdx.x)) * V;
#pragma unroll
  for (int i = 0; i < V; ++i) mine[i] = v[i];
  __syncthreads();
  for (int left = static_cast<int>(blockDim.y); left > 1;) {
    const int half = (left + 1) / 2;
    if (lane + half < left) {
#pragma unroll
      for (int i = 0; i < V; ++i) mine[i] += mine[half * width * V + i];
    }
    left = half;
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < V; ++i) v[i] = shared[static_cast<int>(threadIdx.x) * V + i];
  __syncthreads();
}

/// One number per column, for the thread's columns.
template <int V>
__device__ inline void read_columns(const float* from, int column, float (&to)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) to[i] = from[column + i];
}

/// Calls f(std::integral_constant<int, V>) with the widest pack, of at most MOST elements, that the rows of `columns`
/// elements at these pointers (null ones fit) can be read in.
template <int MOST, class F, class... Pointers>
void with_pack(std::int64_t columns, F&& f, const Pointers*... pointers) {
  if constexpr (MOST > 4) {
    if (packable<MOST>(columns, pointers...)) return f(std::integral_constant<int, MOST>());
  }
  if (packable<4>(columns, pointers...)) return f(std::integral_constant<int, 4>());
  f(std::integral_constant<int, 1>());
}

/// Adds up this thread's rows of its columns.
template <int V, class T>
__device__ inline void add_rows(const T* __restrict__ x, const Place& at, int columns, float (&sum)[V]) {
#pragma unroll 4
  for (std::int64_t row = at.begin; row < at.end; row += at.step) {
    float v[V];
    load<V>(x + row * columns + at.column, v);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += v[i];
  }
}

}  // namespace fledge::cuda
