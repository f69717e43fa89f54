// Indexed reads of a contiguous matrix and their adjoints. No atomic: every element is written by one thread, in the
// order of the indices. Nobody has looked at the indices before: one out of range reads NaN and writes nothing.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/nest.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

__device__ std::int64_t thread_number() { return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ bool in_range(std::int64_t index, std::int64_t size) { return index >= 0 && index < size; }
__device__ std::int64_t thread_count() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

__global__ void __launch_bounds__(kBlock) take(std::int64_t rows, std::int64_t columns, const float* __restrict__ x,
                                               const std::int64_t* __restrict__ index, float* __restrict__ y) {
  for (std::int64_t r = thread_number(); r < rows; r += thread_count())
    y[r] = in_range(index[r], columns) ? x[r * columns + index[r]] : nanf("");
}

/// A matrix walked by packs of N columns.
struct RowPacks {
  std::int64_t numel, per_row;  // packs
};

template <int N>
__global__ void __launch_bounds__(kBlock)
    put(RowPacks p, const float* __restrict__ x, const std::int64_t* __restrict__ index, float* __restrict__ y) {
  for (std::int64_t i = thread_number(); i < p.numel; i += thread_count()) {
    const std::int64_t row = i / p.per_row, column = (i - row * p.per_row) * N, picked = index[row];
    float v[N];
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = column + k == picked ? x[row] : 0;
    store<N>(y + i * N, v);
  }
}

template <int N>
__global__ void __launch_bounds__(kBlock) select(RowPacks p, std::int64_t rows, const float* __restrict__ x,
                                                 const std::int64_t* __restrict__ index, float* __restrict__ y) {
  for (std::int64_t i = thread_number(); i < p.numel; i += thread_count()) {
    const std::int64_t row = i / p.per_row, column = i - row * p.per_row, picked = index[row];
    float v[N];
    if (in_range(picked, rows)) {
      load<N>(x + (picked * p.per_row + column) * N, v);
    } else {
#pragma unroll
      for (int k = 0; k < N; ++k) v[k] = nanf("");
    }
    store<N>(y + i * N, v);
  }
}

/// Block i owns row index[i] of dx if no earlier index names it, and adds up all that name it. dx is 0 before.
__global__ void __launch_bounds__(kBlock)
    select_gradient(std::int64_t rows, std::int64_t columns, std::int64_t picks, const float* __restrict__ dy,
                    const std::int64_t* __restrict__ index, float* __restrict__ dx) {
  __shared__ int named_before;
  __shared__ unsigned matches[kBlock / kWarp];
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t own = blockIdx.x, row = index[own];
  if (!in_range(row, rows)) return;
  if (thread == 0) named_before = 0;
  __syncthreads();
  for (std::int64_t j = thread; j < own; j += kBlock)
    if (index[j] == row) named_before = 1;
  __syncthreads();
  if (named_before != 0) return;
  for (std::int64_t start = own; start < picks; start += kBlock) {
    const std::int64_t j = start + thread;
    const unsigned found = __ballot_sync(kAllLanes, j < picks && index[j] == row);
    if (thread % kWarp == 0) matches[thread / kWarp] = found;
    __syncthreads();
    for (int warp = 0; warp < kBlock / kWarp; ++warp) {
      const unsigned in_warp = matches[warp];
      for (int lane = 0; lane < kWarp && in_warp >> lane != 0; ++lane) {
        if ((in_warp >> lane & 1u) == 0) continue;
        const float* from = dy + (start + warp * kWarp + lane) * columns;
        for (std::int64_t c = thread; c < columns; c += kBlock) dx[row * columns + c] += from[c];
      }
    }
    __syncthreads();
  }
}

void take_along_row(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  launch("take_along_row", &take, grid_for(x.dims[0], kBlock), kBlock, x.dims[0], x.dims[1], x.as<float>(),
         index.as<std::int64_t>(), y.as<float>());
}

/// The rows of y by packs of n columns.
RowPacks packs_of(const TensorView& y, int n) { return {y.numel() / n, y.dims[1] / n}; }

void index_select(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  const int n = packable<4>(y.dims[1], x.as<float>(), y.as<float>()) ? 4 : 1;
  const RowPacks p = packs_of(y, n);
  launch("index_select", n == 4 ? &select<4> : &select<1>, grid_for(p.numel, kBlock), kBlock, p, x.dims[0],
         x.as<float>(), index.as<std::int64_t>(), y.as<float>());
}

void index_select_backward(ExecContext&, const TensorView& dy, const TensorView& index, const TensorView& dx) {
  if (dx.numel() == 0) return;
  check(cudaMemsetAsync(dx.data, 0, static_cast<std::size_t>(dx.numel()) * sizeof(float), stream()),
        "index_select_backward");
  launch("index_select_backward", &select_gradient, static_cast<unsigned>(index.dims[0]), kBlock, dx.dims[0],
         dx.dims[1], index.dims[0], dy.as<float>(), index.as<std::int64_t>(), dx.as<float>());
}

}  // namespace

void one_per_row(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  const int n = packable<4>(y.dims[1], y.as<float>()) ? 4 : 1;
  const RowPacks p = packs_of(y, n);
  launch("one_per_row", n == 4 ? &put<4> : &put<1>, grid_for(p.numel, kBlock), kBlock, p, x.as<float>(),
         index.as<std::int64_t>(), y.as<float>());
}

void overlay_gather(KernelTable& f32) {
  f32.gather.take_along_row = &take_along_row;
  f32.gather.take_along_row_backward = &one_per_row;
  f32.gather.index_select = &index_select;
  f32.gather.index_select_backward = &index_select_backward;
}

}  // namespace fledge::cuda
