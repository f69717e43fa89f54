// Which pairs of labels are positive, which negative.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {
namespace {

/// blockIdx.y: rows, in strides of the grid; a thread writes N neighbouring columns.
template <int N>
__global__ void __launch_bounds__(kBlock)
    compare_labels(std::int64_t rows, std::int64_t columns, const std::int64_t* __restrict__ labels,
                   const std::int64_t* __restrict__ reference, std::int64_t first_own,
                   std::uint8_t* __restrict__ positive, std::uint8_t* __restrict__ negative) {
  const std::int64_t j = (static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x) * N;
  if (j >= columns) return;
  std::int64_t others[N];
#pragma unroll
  for (int k = 0; k < N; ++k) others[k] = reference[j + k];
  for (std::int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
    const std::int64_t label = labels[i], own = first_own < 0 ? -1 : first_own + i;
    Pack<std::uint8_t, N> same, different;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const bool counts = j + k != own, equal = label == others[k];
      same.value[k] = counts && equal;
      different.value[k] = counts && !equal;
    }
    *reinterpret_cast<Pack<std::uint8_t, N>*>(positive + i * columns + j) = same;
    *reinterpret_cast<Pack<std::uint8_t, N>*>(negative + i * columns + j) = different;
  }
}

}  // namespace

void pair_masks(ExecContext&, const TensorView& labels, const TensorView& reference, std::int64_t first_own,
                const TensorView& positive, const TensorView& negative) {
  const std::int64_t rows = positive.dims[0], columns = positive.dims[1];
  auto* same = positive.as<std::uint8_t>();
  auto* different = negative.as<std::uint8_t>();
  constexpr int kPack = 4;
  const bool packs = packable<kPack>(columns, same, different);
  const std::int64_t threads = packs ? columns / kPack : columns, most = 4096;
  const dim3 grid(static_cast<unsigned>((threads + kBlock - 1) / kBlock),
                  static_cast<unsigned>(rows < most ? rows : most));
  launch("pair_masks", packs ? &compare_labels<kPack> : &compare_labels<1>, grid, kBlock, rows, columns,
         labels.as<std::int64_t>(), reference.as<std::int64_t>(), first_own, same, different);
}

}  // namespace fledge::cuda
