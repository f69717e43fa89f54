// The second half of a reduction over rows: what the tiles of a ColumnGrid left is added in the order of the tiles, in
// double. No atomics: results do not change from run to run.
#pragma once
#include "kernels/cuda/runtime.h"

namespace fledge::cuda {

inline constexpr int kMergeColumns = 32, kMergeLanes = 16;

inline dim3 merge_grid(std::int64_t columns) {
  return {static_cast<unsigned>((columns + kMergeColumns - 1) / kMergeColumns), 1, 1};
}
inline dim3 merge_block() { return {kMergeColumns, kMergeLanes, 1}; }

using MergeLanes = double[kMergeLanes][kMergeColumns];

/// Every thread gets the sum of term(tile) over all tiles; threads of one threadIdx.x work on one column. All threads
/// of the block must call it; `shared` is free again on return.
template <class Term>
__device__ inline double sum_over_tiles(int tiles, MergeLanes& shared, Term term) {
  double sum = 0;
#pragma unroll 4
  for (int t = static_cast<int>(threadIdx.y); t < tiles; t += kMergeLanes) sum += term(t);
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  double total = 0;
#pragma unroll
  for (int lane = 0; lane < kMergeLanes; ++lane) total += shared[lane][threadIdx.x];
  __syncthreads();
  return total;
}

}  // namespace fledge::cuda
