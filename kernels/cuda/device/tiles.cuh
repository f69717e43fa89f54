// Square tiles of an output matrix, each summed over a depth by a block of 16 x 16 threads with PER x PER elements
// each, from strips of two inputs in shared memory. Long sums are kept in two floats (Kahan 1965): that costs little
// beside the arithmetic on every device, where doubles would be slow on some.
#pragma once
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

inline constexpr int kTileSide = 16, kTileBlock = kTileSide * kTileSide, kTileDepth = 32;

/// kTileDepth x (16 * PER) elements: the last pack of each line only shifts the banks.
template <int PER>
using Strip = Pack<float, PER>[kTileDepth][kTileSide + 1];

/// strip[k][i] = m[first + i, depth + k], 0 outside; m: rows x columns.
template <int PER>
__device__ inline void load_turned(Strip<PER>& strip, const float* __restrict__ m, std::int64_t rows,
                                   std::int64_t columns, std::int64_t first, std::int64_t depth) {
  constexpr int kTile = kTileSide * PER;
  for (int e = static_cast<int>(threadIdx.x); e < kTile * kTileDepth; e += kTileBlock) {
    const int i = e / kTileDepth, k = e % kTileDepth;
    const bool inside = first + i < rows && depth + k < columns;
    strip[k][i / PER].value[i % PER] = inside ? m[(first + i) * columns + depth + k] : 0;
  }
}

/// strip[k][i] = m[depth + k, first + i], 0 outside; m: rows x columns.
template <int PER>
__device__ inline void load_straight(Strip<PER>& strip, const float* __restrict__ m, std::int64_t rows,
                                     std::int64_t columns, std::int64_t first, std::int64_t depth) {
  constexpr int kTile = kTileSide * PER;
  for (int e = static_cast<int>(threadIdx.x); e < kTile * kTileDepth; e += kTileBlock) {
    const int k = e / kTile, i = e % kTile;
    const bool inside = first + i < columns && depth + k < rows;
    strip[k][i / PER].value[i % PER] = inside ? m[(depth + k) * columns + first + i] : 0;
  }
}

/// PER x PER sums of many terms.
template <int PER>
struct LongSums {
  float sum[PER][PER] = {}, lost[PER][PER] = {};

  __device__ void add(const float (&part)[PER][PER]) {
#pragma unroll
    for (int i = 0; i < PER; ++i)
#pragma unroll
      for (int j = 0; j < PER; ++j) {
        const float term = part[i][j] - lost[i][j], total = sum[i][j] + term;
        lost[i][j] = (total - sum[i][j]) - term;
        sum[i][j] = total;
      }
  }
};

/// Should the output be cut into small tiles, because large ones would leave much of the device idle?
inline bool use_small_tiles(std::int64_t rows, std::int64_t columns) {
  constexpr int kLarge = 4 * kTileSide;
  return ((rows + kLarge - 1) / kLarge) * ((columns + kLarge - 1) / kLarge) < 2 * multiprocessors();
}

/// Blocks of tiles of 16 * PER over rows x columns: x across, y down.
inline dim3 tile_grid(int per, std::int64_t rows, std::int64_t columns) {
  const std::int64_t tile = std::int64_t{kTileSide} * per;
  return dim3(static_cast<unsigned>((columns + tile - 1) / tile), static_cast<unsigned>((rows + tile - 1) / tile));
}

}  // namespace fledge::cuda
