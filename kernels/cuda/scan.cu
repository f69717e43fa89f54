// The scan of an exact search (kernels/api/distance.h), in three passes: marks by blocks of a chunk's columns, then the
// counts of rows and of columns. No count crosses blocks.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {
namespace {

constexpr int kScanBlock = static_cast<int>(kScanChunk);

/// Limits of queries or items: strict, loose and, of queries, list.
struct Limits {
  const float *strict, *loose, *list;
};

Limits limits_of(const TensorView& v) {
  const float* first = v.as<float>();
  return {first, first + v.strides[0], v.dims[0] > 2 ? first + 2 * v.strides[0] : nullptr};
}

__device__ inline bool certain(float p, const Limits& queries, std::int64_t q, const Limits& items, std::int64_t i) {
  return p > queries.strict[q] + items.strict[i];
}

__device__ inline bool marked(float p, const Limits& queries, std::int64_t q, const Limits& items, std::int64_t i) {
  const bool possible = p >= queries.loose[q] + items.loose[i];
  return possible != certain(p, queries, q, items, i) || p >= queries.list[q] + items.loose[i];
}

/// blockIdx.x: chunks; blockIdx.y: rows, in strides of the grid. A thread a column.
__global__ void __launch_bounds__(kScanBlock)
    mark_chunks(std::int64_t rows, std::int64_t width, const float* __restrict__ products, const Limits queries,
                const Limits items, bool both, const Limits column_queries, const Limits row_items,
                std::uint8_t* __restrict__ marks) {
  __shared__ int shared[kScanBlock / kWarp];
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kScanBlock + threadIdx.x;
  for (std::int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
    int counts = 0;  // for the row's sake, and kForColumn times those for the columns'
    constexpr int kForColumn = 1 << 16;
    if (j < width) {
      const float p = products[i * width + j];
      counts = marked(p, queries, i, items, j);
      if (both && marked(p, column_queries, j, row_items, i)) counts += kForColumn;
    }
    counts = block_fold<kScanBlock>(counts, shared, Sum{});
    if (threadIdx.x == 0)
      marks[i * gridDim.x + blockIdx.x] =
          static_cast<std::uint8_t>((counts % kForColumn ? kScanRow : 0) | (counts / kForColumn ? kScanColumn : 0));
    __syncthreads();
  }
}

/// A block a row.
__global__ void __launch_bounds__(kBlock)
    count_rows(std::int64_t width, const float* __restrict__ products, const Limits queries, const Limits items,
               std::int32_t* __restrict__ before) {
  __shared__ std::int32_t shared[kBlock / kWarp];
  const std::int64_t i = blockIdx.x;
  std::int32_t count = 0;
  for (std::int64_t j = threadIdx.x; j < width; j += kBlock)
    count += certain(products[i * width + j], queries, i, items, j);
  count = block_fold<kBlock>(count, shared, Sum{});
  if (threadIdx.x == 0) before[i] = count;
}

/// A thread a column.
__global__ void __launch_bounds__(kBlock)
    count_columns(std::int64_t rows, std::int64_t width, const float* __restrict__ products, const Limits queries,
                  const Limits items, std::int32_t* __restrict__ before) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (j >= width) return;
  std::int32_t count = 0;
  for (std::int64_t i = 0; i < rows; ++i) count += certain(products[i * width + j], queries, j, items, i);
  before[j] = count;
}

}  // namespace

void scan_products(ExecContext&, const TensorView& products, const TensorView& queries, const TensorView& items,
                   const TensorView& before, const TensorView& marks, const ScanColumns* columns) {
  const std::int64_t rows = products.dims[0], width = products.dims[1], most = 4096;
  const float* p = products.as<float>();
  const Limits of_rows = limits_of(queries), of_items = limits_of(items);
  const Limits of_columns = columns ? limits_of(columns->queries) : Limits{};
  const Limits of_row_items = columns ? limits_of(columns->items) : Limits{};
  const dim3 grid(static_cast<unsigned>(marks.dims[1]), static_cast<unsigned>(rows < most ? rows : most));
  launch("scan_products", &mark_chunks, grid, kScanBlock, rows, width, p, of_rows, of_items, columns != nullptr,
         of_columns, of_row_items, marks.as<std::uint8_t>());
  launch("scan_products", &count_rows, static_cast<unsigned>(rows), kBlock, width, p, of_rows, of_items,
         before.as<std::int32_t>());
  if (columns)
    launch("scan_products", &count_columns, static_cast<unsigned>((width + kBlock - 1) / kBlock), kBlock, rows, width,
           p, of_columns, of_row_items, columns->before.as<std::int32_t>());
}

}  // namespace fledge::cuda
