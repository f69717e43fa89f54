// The scan of an exact search, row by row. Counts of columns are whole numbers, summed over the parts of the rows.
#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

bool rows_are_dense(const TensorView& limits) { return limits.dims[1] <= 1 || limits.strides[1] == 1; }

const float* row_of(const TensorView& limits, std::int64_t row) { return limits.as<float>() + row * limits.strides[0]; }

void scan_products(ExecContext& ctx, const TensorView& products, const TensorView& queries, const TensorView& items,
                   const TensorView& before, const TensorView& marks, const ScanColumns* columns) {
  const auto dense = [&](const TensorView& q, const TensorView& i) { return rows_are_dense(q) && rows_are_dense(i); };
  if (!is_contiguous(products) || !dense(queries, items) || (columns && !dense(columns->queries, columns->items)))
    return reference().distance.scan_products(ctx, products, queries, items, before, marks, columns);
  const std::int64_t rows = products.dims[0], width = products.dims[1], chunks = (width + kScanChunk - 1) / kScanChunk;
  const int threads = thread_count(ctx.threads(), rows, row_grain(width));
  std::int32_t* counts = nullptr;  // of the columns, a row a thread
  if (columns) {
    counts = static_cast<std::int32_t*>(ctx.scratch(static_cast<std::size_t>(threads * width) * sizeof(std::int32_t)));
    std::fill_n(counts, threads * width, 0);
  }
  parallel_threads(threads, rows, [&](int thread, std::int64_t begin, std::int64_t end) {
    ScanArgs a{};
    a.item_strict = row_of(items, 0), a.item_loose = row_of(items, 1), a.count = width;
    if (columns) {
      a.column_strict = row_of(columns->queries, 0), a.column_loose = row_of(columns->queries, 1);
      a.column_list = row_of(columns->queries, 2), a.column_before = counts + thread * width;
    }
    for (std::int64_t i = begin; i < end; ++i) {
      a.products = products.as<float>() + i * width;
      a.strict = row_of(queries, 0)[i], a.loose = row_of(queries, 1)[i], a.list = row_of(queries, 2)[i];
      if (columns) a.row_strict = row_of(columns->items, 0)[i], a.row_loose = row_of(columns->items, 1)[i];
      before.as<std::int32_t>()[i] =
          static_cast<std::int32_t>(simd().scan_row(a, marks.as<std::uint8_t>() + i * chunks));
    }
  });
  if (!columns) return;
  std::int32_t* sums = columns->before.as<std::int32_t>();
  std::copy_n(counts, width, sums);
  for (int thread = 1; thread < threads; ++thread)
    for (std::int64_t j = 0; j < width; ++j) sums[j] += counts[thread * width + j];
}

}  // namespace

void overlay_scan(KernelTable& t) { t.distance.scan_products = &scan_products; }

}  // namespace fledge::cpu
