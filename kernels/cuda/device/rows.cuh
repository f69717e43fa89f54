// Rows of a contiguous matrix, each given to a team: a warp (eight rows a block), or for long rows a whole block.
#pragma once
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {

inline constexpr int kRowBlock = 256;
inline constexpr std::int64_t kLongRow = 512;  // columns from which on a row gets a block

struct Greater {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return b > a ? b : a;
  }
};
struct Less {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};

/// TEAM: 32 or kRowBlock. All threads of a team have the same row.
template <int TEAM>
struct RowTeam {
  std::int64_t row;
  int lane;

  __device__ RowTeam()
      : row((static_cast<std::int64_t>(blockIdx.x) * kRowBlock + static_cast<std::int64_t>(threadIdx.x)) / TEAM),
        lane(static_cast<int>(threadIdx.x) % TEAM) {}

  /// Every thread gets the fold over the team. `shared`: kRowBlock/32 elements.
  template <class T, class Fold>
  __device__ T fold(T v, T* shared, Fold f) const {
    if constexpr (TEAM == kWarp) {
      return warp_fold(v, f);
    } else {
      v = block_fold<kRowBlock>(v, shared, f);
      __syncthreads();  // shared may be used again
      return v;
    }
  }
};

/// Launches `warp` (a kernel with teams of 32) or `block` (the same with kRowBlock) with (rows, columns, arguments...).
template <class Kernel, class... Arguments>
void launch_rows(const char* op, Kernel warp, Kernel block, std::int64_t rows, std::int64_t columns,
                 Arguments... arguments) {
  constexpr int kWarps = kRowBlock / kWarp;
  const bool wide = columns > kLongRow;
  const std::int64_t blocks = wide ? rows : (rows + kWarps - 1) / kWarps;
  launch(op, wide ? block : warp, static_cast<unsigned>(blocks), kRowBlock, rows, columns, arguments...);
}

}  // namespace fledge::cuda
