// Sums and other folds over a warp or a block, in an order that does not change from run to run.
#pragma once
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int kWarp = 32;

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

/// Every lane gets the fold of all 32. All lanes of the warp must call it.
template <class T, class Fold>
__device__ inline T warp_fold(T v, Fold fold) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) v = fold(v, __shfl_xor_sync(kAllLanes, v, offset));
  return v;
}

/// Every thread gets the fold over the block. blockDim.x must be BLOCK (a multiple of 32), y and z 1; all threads must
/// call it. `shared`: BLOCK/32 elements, free to be used again after the next __syncthreads.
template <int BLOCK, class T, class Fold>
__device__ inline T block_fold(T v, T* shared, Fold fold) {
  static_assert(BLOCK % kWarp == 0 && BLOCK <= 1024);
  constexpr int kWarps = BLOCK / kWarp;
  v = warp_fold(v, fold);
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  if (lane == 0) shared[warp] = v;
  __syncthreads();
  T all = shared[0];
#pragma unroll
  for (int i = 1; i < kWarps; ++i) all = fold(all, shared[i]);
  return all;
}

}  // namespace fledge::cuda
