// Distances between the rows of two matrices, summed as (a-b)^2, so that near duplicates keep their digits, and their
// gradient as sums of weighted differences.
#include <cmath>

#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/tiles.cuh"

namespace fledge::cuda {
namespace {

/// A matrix of rows x columns.
struct Matrix {
  const float* data;
  std::int64_t rows, columns;
};
Matrix matrix(const TensorView& v) { return {v.as<float>(), v.dims[0], v.dims[1]}; }

struct Finish {
  float clamp;
  bool squared, zero_diagonal;

  __device__ float operator()(float squares, bool diagonal) const {
    if (zero_diagonal && diagonal) return 0;
    return squared ? squares : sqrtf(squares < clamp ? clamp : squares);
  }
};

/// self: b is a; tiles below the diagonal are left to their mirror images.
template <int PER>
__global__ void __launch_bounds__(kTileBlock) distances(Matrix a, Matrix b, float* d, bool self, Finish finish) {
  __shared__ Strip<PER> left;
  __shared__ Strip<PER> right;
  if (self && blockIdx.x < blockIdx.y) return;
  const int down = static_cast<int>(threadIdx.x) / kTileSide, across = static_cast<int>(threadIdx.x) % kTileSide;
  const std::int64_t i0 = std::int64_t{blockIdx.y} * kTileSide * PER, j0 = std::int64_t{blockIdx.x} * kTileSide * PER;
  LongSums<PER> squares;
  for (std::int64_t depth = 0; depth < a.columns; depth += kTileDepth) {
    load_turned<PER>(left, a.data, a.rows, a.columns, i0, depth);
    load_turned<PER>(right, b.data, b.rows, b.columns, j0, depth);
    __syncthreads();
    float part[PER][PER] = {};
#pragma unroll 8
    for (int k = 0; k < kTileDepth; ++k) {
      const Pack<float, PER> x = left[k][down], y = right[k][across];
#pragma unroll
      for (int i = 0; i < PER; ++i)
#pragma unroll
        for (int j = 0; j < PER; ++j) {
          const float difference = x.value[i] - y.value[j];
          part[i][j] = fmaf(difference, difference, part[i][j]);
        }
    }
    squares.add(part);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < PER; ++i)
#pragma unroll
    for (int j = 0; j < PER; ++j) {
      const std::int64_t row = i0 + down * PER + i, column = j0 + across * PER + j;
      if (row >= a.rows || column >= b.rows) continue;
      const float v = finish(squares.sum[i][j], row == column);
      d[row * b.rows + column] = v;
      if (self) d[column * b.rows + row] = v;
    }
}

/// dd_ij times the factor in front of (a_i - b_j); 0 where the distance was clamped, and on a zero diagonal.
struct PairWeight {
  const float *dd, *d;
  std::int64_t columns;
  float least;
  bool squared, zero_diagonal;

  __device__ float operator()(std::int64_t i, std::int64_t j) const {
    if (zero_diagonal && i == j) return 0;
    const float upstream = dd[i * columns + j];
    if (squared) return 2 * upstream;
    const float distance = d[i * columns + j];
    return distance > least ? upstream / distance : 0;
  }
};

/// self: a row's own pairs and those in which it is the other side.
__global__ void __launch_bounds__(kTileBlock)
    pair_weights(PairWeight weight, std::int64_t rows, bool self, float* __restrict__ to) {
  const std::int64_t n = rows * weight.columns, threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; e < n; e += threads) {
    const std::int64_t i = e / weight.columns, j = e - i * weight.columns;
    to[e] = self ? weight(i, j) + weight(j, i) : weight(i, j);
  }
}

/// da_i = sum_j w_ij (a_i - b_j); TURNED: w is stored with j as its rows.
template <int PER, bool TURNED>
__global__ void __launch_bounds__(kTileBlock) weighted_differences(const float* w, Matrix a, Matrix b, float* da) {
  __shared__ Strip<PER> weights;
  __shared__ Strip<PER> others;
  const int down = static_cast<int>(threadIdx.x) / kTileSide, across = static_cast<int>(threadIdx.x) % kTileSide;
  const std::int64_t i0 = std::int64_t{blockIdx.y} * kTileSide * PER, c0 = std::int64_t{blockIdx.x} * kTileSide * PER;
  float own[PER][PER] = {};
#pragma unroll
  for (int i = 0; i < PER; ++i)
#pragma unroll
    for (int c = 0; c < PER; ++c) {
      const std::int64_t row = i0 + down * PER + i, column = c0 + across * PER + c;
      if (row < a.rows && column < a.columns) own[i][c] = a.data[row * a.columns + column];
    }
  LongSums<PER> sums;
  for (std::int64_t j = 0; j < b.rows; j += kTileDepth) {
    if constexpr (TURNED)
      load_straight<PER>(weights, w, b.rows, a.rows, i0, j);
    else
      load_turned<PER>(weights, w, a.rows, b.rows, i0, j);
    load_straight<PER>(others, b.data, b.rows, b.columns, c0, j);
    __syncthreads();
    float part[PER][PER] = {};
    const int depth = b.rows - j < kTileDepth ? static_cast<int>(b.rows - j) : kTileDepth;
#pragma unroll 8
    for (int k = 0; k < depth; ++k) {
      const Pack<float, PER> factor = weights[k][down], other = others[k][across];
#pragma unroll
      for (int i = 0; i < PER; ++i)
#pragma unroll
        for (int c = 0; c < PER; ++c) part[i][c] = fmaf(factor.value[i], own[i][c] - other.value[c], part[i][c]);
    }
    sums.add(part);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < PER; ++i)
#pragma unroll
    for (int c = 0; c < PER; ++c) {
      const std::int64_t row = i0 + down * PER + i, column = c0 + across * PER + c;
      if (row < a.rows && column < a.columns) da[row * a.columns + column] = sums.sum[i][c];
    }
}

template <bool TURNED>
void differences(const float* w, const Matrix& a, const Matrix& b, float* da) {
  constexpr const char* kName = "pairwise_distance_backward";
  if (use_small_tiles(a.rows, a.columns))
    launch(kName, &weighted_differences<2, TURNED>, tile_grid(2, a.rows, a.columns), kTileBlock, w, a, b, da);
  else
    launch(kName, &weighted_differences<4, TURNED>, tile_grid(4, a.rows, a.columns), kTileBlock, w, a, b, da);
}

}  // namespace

void pairwise_distance(ExecContext&, const TensorView& a, const TensorView& b, const TensorView& d,
                       const PairwiseDistanceParams& p) {
  const bool self = a.data == b.data && a.dims == b.dims;
  const Finish finish{static_cast<float>(p.clamp), p.squared, p.zero_diagonal && self};
  const std::int64_t rows = a.dims[0], others = b.dims[0];
  if (use_small_tiles(rows, others))
    launch("pairwise_distance", &distances<2>, tile_grid(2, rows, others), kTileBlock, matrix(a), matrix(b),
           d.as<float>(), self, finish);
  else
    launch("pairwise_distance", &distances<4>, tile_grid(4, rows, others), kTileBlock, matrix(a), matrix(b),
           d.as<float>(), self, finish);
}

void pairwise_distance_backward(ExecContext&, const TensorView& dd, const TensorView& a, const TensorView& b,
                                const TensorView& d, const TensorView* da, const TensorView* db, bool self,
                                const PairwiseDistanceParams& p) {
  const std::int64_t n = d.numel();
  const Scratch memory(static_cast<std::size_t>(n) * sizeof(float));
  const PairWeight weight{dd.as<float>(), d.as<float>(),          d.dims[1], static_cast<float>(std::sqrt(p.clamp)),
                          p.squared,      self && p.zero_diagonal};
  launch("pairwise_distance_backward", &pair_weights, grid_for(n, kTileBlock), kTileBlock, weight, d.dims[0], self,
         memory.as<float>());
  if (da) differences<false>(memory.as<float>(), matrix(a), matrix(b), da->as<float>());
  if (db) differences<true>(memory.as<float>(), matrix(b), matrix(a), db->as<float>());
}

}  // namespace fledge::cuda
