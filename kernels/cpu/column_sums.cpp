#include "kernels/cpu/column_sums.h"

#include <algorithm>

#include "kernels/cpu/columns.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {

const double* column_sums(ExecContext& ctx, const float* x, std::int64_t rows, std::int64_t c) {
  const Columns m(rows, c);
  const std::int64_t width = m.width();
  const int parts = sum_parts(ctx, m.wide_rows, row_grain(width));
  const std::size_t n = static_cast<std::size_t>(width * parts);
  auto* sums = static_cast<double*>(ctx.scratch(n * (sizeof(double) + sizeof(float))));
  auto* partial = reinterpret_cast<float*>(sums + n);
  std::fill(sums, sums + n, 0.0);
  parallel_sum(ctx, parts, m.wide_rows, [&](int part, std::int64_t begin, std::int64_t end) {
    simd().column_sums(x + begin * width, end - begin, width, sums + part * width, partial + part * width);
  });
  if (m.rest) simd().column_sums(x + m.rest_offset(), m.rest, c, sums, partial);
  for (int part = 1; part < parts; ++part)
    for (std::int64_t k = 0; k < width; ++k) sums[k] += sums[part * width + k];
  m.sum_copies(sums);
  return sums;
}

}  // namespace fledge::cpu
