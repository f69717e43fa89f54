// The second half of a reduction over rows: what the tiles of a ColumnGrid left is added in the order of the tiles, in
// double. No atomics: results do not change from run to run.
#pragma once
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

inline constexpr int kMergeColumns = 32, kMergeLanes = 16;

inline dim3 merge_grid(std::int64_t columns) {
  return {static_cast<unsigned>((columns + kMergeColumns - 1) / kMergeColumns), 1, 1};
}
inline dim3 merge_block() { return {kMergeColumns, kMergeLanes, 1}; }

/// Two sums that are taken together: a second walk over the tiles would cost its latency again.
struct TwoSums {
  double first, second;

  __device__ void add(const TwoSums& o) {
    first += o.first;
    second += o.second;
  }
};

using MergeLanes = TwoSums[kMergeLanes][kMergeColumns];

/// Every thread gets the sums of term(tile) over all tiles; threads of one threadIdx.x work on one column. All threads
/// of the block must call it, once.
template <class Term>
__device__ inline TwoSums sum_over_tiles(int tiles, MergeLanes& shared, Term term) {
  TwoSums sum{};
#pragma unroll 8
  for (int t = static_cast<int>(threadIdx.y); t < tiles; t += kMergeLanes) sum.add(term(t));
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  TwoSums total{};
#pragma unroll
  for (int lane = 0; lane < kMergeLanes; ++lane) total.add(shared[lane][threadIdx.x]);
  return total;
}

}  // namespace fledge::cuda
