// Products of rows of 16-bit whole numbers (kernels/api/distance.h). For completeness: the search of a device
// multiplies in float32 (nn/retrieval/device_neighbors.h), so this is a plain loop.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {
namespace {

__device__ inline std::int32_t low(std::int32_t v) { return static_cast<std::int16_t>(v & 0xffff); }
__device__ inline std::int32_t high(std::int32_t v) { return v >> 16; }

/// A thread a column; blockIdx.y: rows, in strides of the grid.
__global__ void __launch_bounds__(kBlock)
    multiply_quantized(std::int64_t rows, std::int64_t width, std::int64_t depth, const std::int32_t* __restrict__ a,
                       const float* __restrict__ a_scale, const std::int32_t* __restrict__ b,
                       const float* __restrict__ b_scale, float* __restrict__ products) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (j >= width) return;
  for (std::int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::int32_t x = a[i * depth + k], y = b[j * depth + k];
      sum += low(x) * low(y) + high(x) * high(y);
    }
    products[i * width + j] = static_cast<float>(sum) * a_scale[i] * b_scale[j];
  }
}

}  // namespace

void quantized_products(ExecContext&, const TensorView& a, const TensorView& a_scale, const TensorView& b,
                        const TensorView& b_scale, const TensorView& products) {
  const std::int64_t rows = a.dims[0], width = b.dims[0], most = 4096;
  const dim3 grid(static_cast<unsigned>((width + kBlock - 1) / kBlock),
                  static_cast<unsigned>(rows < most ? rows : most));
  launch("quantized_products", &multiply_quantized, grid, kBlock, rows, width, a.dims[1], a.as<std::int32_t>(),
         a_scale.as<float>(), b.as<std::int32_t>(), b_scale.as<float>(), products.as<float>());
}

}  // namespace fledge::cuda
