// Elementwise kernels: a body is run for every index tuple of its views' common shape. Dense views of one layout are
// one flat run in packs of 16 bytes; broadcast rows, columns and scalars go in packs too; the rest by elements.
//
//   struct Body {
//     static constexpr int kViews, kPack;    // the first view is the one written
//     static constexpr bool kBroadcasts;     // is it worth a kernel of its own for packs of broadcast views?
//     template <int N> __device__ void run(const std::int64_t (&at)[kViews], const bool (&steps)[kViews]) const;
//   };                                       // N elements; a view that does not step repeats its one element
#pragma once
#include "kernels/cuda/device/nest.cuh"
#include "kernels/cuda/device/pack.cuh"

namespace fledge::cuda {

inline constexpr int kElementBlock = 256;

/// N elements as floats, or one element N times.
template <int N, class T>
__device__ inline void load_or_repeat(const T* from, bool steps, float (&to)[N]) {
  if (steps) {
    load<N>(from, to);
  } else {
    const float v = to_float(*from);
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = v;
  }
}

template <class Body>
__global__ void __launch_bounds__(kElementBlock) flat_elements(std::int64_t n, Body body) {
  constexpr int kPack = Body::kPack, kViews = Body::kViews;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x, packs = n / kPack,
                     thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  std::int64_t at[kViews];
  bool steps[kViews];
#pragma unroll
  for (int v = 0; v < kViews; ++v) steps[v] = true;
  for (std::int64_t p = thread; p < packs; p += threads) {
#pragma unroll
    for (int v = 0; v < kViews; ++v) at[v] = p * kPack;
    body.template run<kPack>(at, steps);
  }
  const std::int64_t last = packs * kPack + thread;
  if (last >= n) return;
#pragma unroll
  for (int v = 0; v < kViews; ++v) at[v] = last;
  body.template run<1>(at, steps);
}

/// `nest` counts packs of N.
template <int N, class Body>
__global__ void __launch_bounds__(kElementBlock) strided_elements(Nest<Body::kViews> nest, Body body) {
  constexpr int kViews = Body::kViews;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  bool steps[kViews];
#pragma unroll
  for (int v = 0; v < kViews; ++v) steps[v] = N == 1 || nest.stride[0][v] != 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < nest.numel;
       i += threads) {
    std::int64_t at[kViews];
    nest.offsets(i, at);
    body.template run<N>(at, steps);
  }
}

template <class Body>
void for_each_element(const char* op, const Body& body, const std::array<const TensorView*, Body::kViews>& views) {
  constexpr int kViews = Body::kViews, kPack = Body::kPack;
  if (views[0]->numel() == 0) return;
  std::array<const Dims*, kViews> strides;
  for (int v = 0; v < kViews; ++v) strides[v] = &views[v]->strides;
  const Nest<kViews> nest(views[0]->dims, strides);
  bool aligned = true;
  for (int v = 0; v < kViews; ++v)
    aligned &= nest.stride[0][v] != 1 ||
               reinterpret_cast<std::uintptr_t>(views[v]->data) % (kPack * size_of(views[v]->dtype)) == 0;
  if (aligned && nest.is_flat())
    return launch(op, &flat_elements<Body>, grid_for((nest.numel + kPack - 1) / kPack, kElementBlock), kElementBlock,
                  nest.numel, body);
  if constexpr (Body::kBroadcasts && kPack > 1) {
    if (aligned && nest.steps_by(kPack))
      return launch(op, &strided_elements<kPack, Body>, grid_for(nest.numel / kPack, kElementBlock), kElementBlock,
                    nest.packed(kPack), body);
  }
  launch(op, &strided_elements<1, Body>, grid_for(nest.numel, kElementBlock), kElementBlock, nest, body);
}

}  // namespace fledge::cuda
