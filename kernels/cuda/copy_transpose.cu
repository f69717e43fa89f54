// Copies that exchange the fastest axis (channels-last from contiguous and back, transposed matrices): square tiles
// through shared memory, so that both sides are read and written in runs.
#include "kernels/cuda/device/cast.cuh"
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/nest.cuh"

namespace fledge::cuda {
namespace {

constexpr int kTile = 32, kLines = 8;  // a block: 32 columns by 8 lines, four times
constexpr std::int64_t kLeast = 16;    // below, tiles would be mostly empty

/// to[b + i + j * to_step] = from[b' + j + i * from_step] for i < rows, j < columns and every (b, b') of `outer`.
struct Transpose {
  Nest<2> outer;
  std::int64_t rows, columns, to_step, from_step;
  std::int64_t tiles_down, tiles_across;
};

template <class From, class To>
__global__ void __launch_bounds__(kTile* kLines)
    transpose(Transpose p, const From* __restrict__ from, To* __restrict__ to) {
  __shared__ To tile[kTile][kTile + 1];
  const std::int64_t block = blockIdx.x, per_picture = p.tiles_down * p.tiles_across, picture = block / per_picture,
                     within = block - picture * per_picture, down = within / p.tiles_across;
  const std::int64_t i0 = down * kTile, j0 = (within - down * p.tiles_across) * kTile;
  std::int64_t at[2];
  p.outer.offsets(picture, at);
  const int lane = static_cast<int>(threadIdx.x) % kTile, line = static_cast<int>(threadIdx.x) / kTile;
#pragma unroll
  for (int k = 0; k < kTile; k += kLines) {
    const std::int64_t i = i0 + line + k, j = j0 + lane;
    if (i < p.rows && j < p.columns) tile[line + k][lane] = cast<To>(from[at[1] + j + i * p.from_step]);
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kTile; k += kLines) {
    const std::int64_t i = i0 + lane, j = j0 + line + k;
    if (i < p.rows && j < p.columns) to[at[0] + i + j * p.to_step] = tile[lane][line + k];
  }
}

}  // namespace

bool copy_transposed(const TensorView& from, const TensorView& to) {
  const Nest<2> nest(to.dims, {&to.strides, &from.strides});
  int across = -1;  // the axis along which `from` is contiguous
  for (int i = 1; i < nest.rank; ++i)
    if (nest.stride[i][1] == 1) across = i;
  if (across < 0 || nest.stride[0][0] != 1 || nest.size[0] < kLeast || nest.size[across] < kLeast) return false;
  Dims sizes, to_strides, from_strides;
  for (int i = 1; i < nest.rank; ++i) {
    if (i == across) continue;
    sizes.push_back(nest.size[i]);
    to_strides.push_back(nest.stride[i][0]);
    from_strides.push_back(nest.stride[i][1]);
  }
  Transpose p{Nest<2>(sizes, {&to_strides, &from_strides}),
              nest.size[0],
              nest.size[across],
              nest.stride[across][0],
              nest.stride[0][1],
              (nest.size[0] + kTile - 1) / kTile,
              (nest.size[across] + kTile - 1) / kTile};
  const std::int64_t blocks = p.outer.numel * p.tiles_down * p.tiles_across;
  if (blocks >= std::int64_t{1} << 31) return false;
  with_types(from.dtype, to.dtype, [&](auto from_type, auto to_type) {
    using From = decltype(from_type);
    using To = decltype(to_type);
    launch("copy", &transpose<From, To>, static_cast<unsigned>(blocks), kTile * kLines, p, from.as<From>(),
           to.as<To>());
  });
  return true;
}

}  // namespace fledge::cuda
