// Sums of squares in double, in a fixed order: a partial sum per chunk, then all of them by one block.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/many.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {
namespace {

struct GradientEntry {
  const float* data;
  std::int64_t numel;
};
using Gradients = Batch<GradientEntry, 128>;
static_assert(sizeof(Gradients) <= 4096 - 64);

__device__ double square(float v) { return static_cast<double>(v) * v; }

/// A block per chunk.
__global__ void __launch_bounds__(kBlock) chunk_squares(const Gradients tensors, double* __restrict__ partial) {
  __shared__ double shared[kBlock / kWarp];
  const int number = tensors.find(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const GradientEntry e = tensors.entry[number];
  std::int64_t begin = static_cast<std::int64_t>(blockIdx.x - tensors.first_chunk[number]) * kChunk;
  const std::int64_t end = begin + kChunk < e.numel ? begin + kChunk : e.numel;
  double sum = 0;
  if (reinterpret_cast<std::uintptr_t>(e.data) % 16 == 0) {
    const std::int64_t whole = end - (end - begin) % 4;
#pragma unroll 4
    for (std::int64_t i = begin + thread * 4; i < whole; i += kBlock * 4) {
      float v[4];
      load<4>(e.data + i, v);
      sum += (square(v[0]) + square(v[1])) + (square(v[2]) + square(v[3]));
    }
    begin = whole;
  }
  for (std::int64_t i = begin + thread; i < end; i += kBlock) sum += square(e.data[i]);
  sum = block_fold<kBlock>(sum, shared, Sum{});
  if (thread == 0) partial[blockIdx.x] = sum;
}

/// One block. Writes the root of the sum.
__global__ void __launch_bounds__(kBlock)
    fold_squares(std::int64_t n, const double* __restrict__ partial, double* norm) {
  __shared__ double shared[kBlock / kWarp];
  double all = 0;
#pragma unroll 8
  for (std::int64_t i = threadIdx.x; i < n; i += kBlock) all += partial[i];
  all = block_fold<kBlock>(all, shared, Sum{});
  if (threadIdx.x == 0) *norm = sqrt(all);
}

std::int64_t chunks_of(std::int64_t numel) { return (numel + kChunk - 1) / kChunk; }

}  // namespace

void grad_norm(ExecContext&, std::span<const TensorView> grads, const TensorView& norm) {
  std::int64_t chunks = 0;
  for (const TensorView& g : grads) chunks += chunks_of(g.numel());
  const Scratch partial(static_cast<std::size_t>(chunks) * sizeof(double));
  auto* to = partial.as<double>();
  Gradients batch;
  const auto flush = [&] {
    launch("grad_norm", &chunk_squares, batch.chunks(), kBlock, batch, to);
    to += batch.chunks();
    batch = {};
  };
  for (const TensorView& g : grads) {
    if (g.numel() == 0) continue;
    batch.add({g.as<float>(), g.numel()});
    if (batch.full()) flush();
  }
  if (batch.count > 0) flush();
  launch("grad_norm", &fold_squares, 1, kBlock, chunks, partial.as<double>(), norm.as<double>());
}

}  // namespace fledge::cuda
