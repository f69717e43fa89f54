// One pass over a convolution's output, and casts. All wait for memory only: 16 bytes a thread where the
// channel count allows it.
#include "kernels/cudnn/epilogue.h"

#include <climits>

#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cudnn {
namespace {

using cuda::bf16;
using cuda::kBlock;

/// `packs`: N neighbouring channels each, `packs_per_row` of them in a row.
template <class T, int N>
__global__ void __launch_bounds__(kBlock)
    epilogue_kernel(T* y, const float* bias, const T* residual, Activation activation, std::int64_t packs,
                    int packs_per_row) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs; i += step) {
    float v[N];
    cuda::load<N>(y + i * N, v);
    if (bias) {
      // A remainder of 64 bits costs as much as all the rest.
      const std::int64_t pack = packs <= INT_MAX ? static_cast<int>(i) % packs_per_row : i % packs_per_row;
      const float* b = bias + pack * N;
#pragma unroll
      for (int j = 0; j < N; ++j) v[j] += __ldg(b + j);
    }
    if (residual) {
      float r[N];
      cuda::load<N>(residual + i * N, r);
#pragma unroll
      for (int j = 0; j < N; ++j) v[j] += r[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) v[j] = cuda::activate(activation, v[j]);
    cuda::store<N>(y + i * N, v);
  }
}

template <class From, class To, int N>
__global__ void __launch_bounds__(kBlock) cast_kernel(const From* from, To* to, std::int64_t packs) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs; i += step) {
    float v[N];
    cuda::load<N>(from + i * N, v);
    cuda::store<N>(to + i * N, v);
  }
}

template <class T, int N>
void launch_epilogue(T* y, const float* bias, const T* residual, Activation activation, std::int64_t rows,
                     std::int64_t columns) {
  const std::int64_t packs = rows * columns / N;
  cuda::launch("conv2d epilogue", epilogue_kernel<T, N>, dim3(cuda::grid_for(packs, kBlock)), dim3(kBlock), y, bias,
               residual, activation, packs, static_cast<int>(columns / N));
}

template <class T>
void epilogue(void* y_data, const float* bias, const void* residual_data, Activation activation, std::int64_t rows,
              std::int64_t columns) {
  T* y = static_cast<T*>(y_data);
  const T* residual = static_cast<const T*>(residual_data);
  constexpr int N = cuda::kPack<T>;
  // A null pointer is aligned; the bias is read one by one.
  if (cuda::packable<N>(columns, static_cast<const T*>(y), residual))
    launch_epilogue<T, N>(y, bias, residual, activation, rows, columns);
  else
    launch_epilogue<T, 1>(y, bias, residual, activation, rows, columns);
}

template <class From, class To>
void cast(const From* from, To* to, std::int64_t n) {
  constexpr int N = 4;  // 8 bytes on one side, 16 on the other
  const bool packed = cuda::packable<N>(n, from) && cuda::packable<N>(n, static_cast<const To*>(to));
  const std::int64_t packs = packed ? n / N : n;
  cuda::launch("conv2d cast", packed ? cast_kernel<From, To, N> : cast_kernel<From, To, 1>,
               dim3(cuda::grid_for(packs, kBlock)), dim3(kBlock), from, to, packs);
}

}  // namespace

void apply_epilogue(DType dtype, void* y, const float* bias, const void* residual, Activation activation,
                    std::int64_t rows, std::int64_t columns) {
  if (!bias && !residual && activation == Activation::None) return;
  (dtype == DType::BFloat16 ? epilogue<bf16> : epilogue<float>)(y, bias, residual, activation, rows, columns);
}

void widen(const void* from, float* to, std::int64_t n) { cast(static_cast<const bf16*>(from), to, n); }

void narrow(const float* from, void* to, std::int64_t n) { cast(from, static_cast<bf16*>(to), n); }

}  // namespace fledge::cudnn
