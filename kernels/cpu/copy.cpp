// Copies, casts and fills. Fast: runs that are contiguous on both sides (memcpy or a vectorised cast) and
// transpositions of 4-byte elements (NCHW <-> NHWC); anything else is the reference's.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/loop_nest.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/turn.h"

namespace fledge::cpu {
namespace {

using Pair = std::pair<DType, DType>;

/// The casts that have a fast loop; the numbers are arbitrary.
bool has_fast_cast(DType from, DType to) {
  const Pair p{from, to};
  return from == to || p == Pair{DType::UInt8, DType::Float32} || p == Pair{DType::BFloat16, DType::Float32} ||
         p == Pair{DType::Float32, DType::BFloat16} || p == Pair{DType::Float64, DType::Float32} ||
         p == Pair{DType::Float32, DType::Float64};
}

/// One contiguous run. `from` and `to` may be the same address only where the types are equal.
void copy_run(const TensorView& from, std::int64_t from_at, const TensorView& to, std::int64_t to_at, std::int64_t n) {
  const char* source = from.as<char>() + from_at * static_cast<std::int64_t>(size_of(from.dtype));
  char* target = to.as<char>() + to_at * static_cast<std::int64_t>(size_of(to.dtype));
  if (from.dtype == to.dtype) {
    std::memmove(target, source, static_cast<std::size_t>(n) * size_of(to.dtype));
    return;
  }
  const void* s = source;
  void* t = target;
  switch (from.dtype) {
    case DType::UInt8:
      return simd().u8_to_float(static_cast<const std::uint8_t*>(s), static_cast<float*>(t), n);
    case DType::BFloat16:
      return simd().bf16_to_float(static_cast<const std::uint16_t*>(s), static_cast<float*>(t), n);
    case DType::Float64:
      return simd().double_to_float(static_cast<const double*>(s), static_cast<float*>(t), n);
    default:
      break;
  }
  if (to.dtype == DType::BFloat16)
    simd().float_to_bf16(static_cast<const float*>(s), static_cast<std::uint16_t*>(t), n);
  else
    simd().float_to_double(static_cast<const float*>(s), static_cast<double*>(t), n);
}

/// to[r][c] = from[c][r] on 4-byte elements, in tiles that stay in the first-level cache. Both inner strides are 1.
void transpose_tiles(const std::uint32_t* from, std::int64_t from_step, std::uint32_t* to, std::int64_t to_step,
                     std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kTile = 16;
  for (std::int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (std::int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const std::int64_t r1 = std::min(rows, r0 + kTile), c1 = std::min(columns, c0 + kTile);
      const std::int64_t r2 = r0 + (r1 - r0) / 4 * 4, c2 = c0 + (c1 - c0) / 4 * 4;
      for (std::int64_t r = r0; r < r2; r += 4)
        for (std::int64_t c = c0; c < c2; c += 4)
          turn_4x4(from + c * from_step + r, from_step, to + r * to_step + c, to_step);
      for (std::int64_t r = r0; r < r1; ++r)
        for (std::int64_t c = r < r2 ? c2 : c0; c < c1; ++c) to[r * to_step + c] = from[c * from_step + r];
    }
}

/// A nest whose two innermost axes are swapped between the sides, as between
/// NCHW and NHWC: (..., to_step/1, 1/from_step).
bool transpose(ExecContext& ctx, const TensorView& from, const TensorView& to, const LoopNest<2>& nest) {
  if (from.dtype != to.dtype || size_of(to.dtype) != 4 || nest.rank < 2 || nest.rank > 3) return false;
  const auto &rows = nest.axes[nest.rank - 2], &columns = nest.axes[nest.rank - 1];
  if (columns.strides[0] != 1 || rows.strides[1] != 1) return false;
  const std::int64_t batch = nest.rank == 3 ? nest.axes[0].size : 1;
  const auto outer = nest.rank == 3 ? nest.axes[0].strides : std::array<std::int64_t, 2>{0, 0};
  const std::int64_t bands =
      std::max<std::int64_t>(1, (rows.size + 63) / 64);  // bands of rows, so one picture divides too
  parallel_for(ctx.threads(), batch * bands, row_grain(rows.size * columns.size / bands),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t n = i / bands, r0 = rows.size * (i % bands) / bands,
                                      r1 = rows.size * (i % bands + 1) / bands;
                   transpose_tiles(from.as<std::uint32_t>() + n * outer[1] + r0, columns.strides[1],
                                   to.as<std::uint32_t>() + n * outer[0] + r0 * rows.strides[0], rows.strides[0],
                                   r1 - r0, columns.size);
                 }
               });
  return true;
}

void copy(ExecContext& ctx, const TensorView& from, const TensorView& to) {
  const std::int64_t total = to.numel();
  if (total == 0) return;
  const LoopNest<2> nest(to.dims, {&to.strides, &from.strides});
  const auto inner = nest.inner();
  const std::int64_t outer = nest.outer_size();
  if (inner.strides[0] == 1 && inner.strides[1] == 1 && has_fast_cast(from.dtype, to.dtype) &&
      (outer == 1 || inner.size >= 8)) {
    if (outer == 1)
      parallel_flat(ctx.threads(), inner.size, row_grain(1),
                    [&](std::int64_t begin, std::int64_t end) { copy_run(from, begin, to, begin, end - begin); });
    else
      parallel_for(ctx.threads(), outer, row_grain(inner.size), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const auto o = nest.offsets(i);
          copy_run(from, o[1], to, o[0], inner.size);
        }
      });
    return;
  }
  if (!transpose(ctx, from, to, nest)) reference().eltwise.copy(ctx, from, to);
}

void fill(ExecContext& ctx, const TensorView& to, double value) {
  const LoopNest<1> nest(to.dims, {&to.strides});
  if (to.dtype != DType::Float32 || nest.rank > 1 || nest.inner().strides[0] != 1)
    return reference().eltwise.fill(ctx, to, value);
  parallel_flat(ctx.threads(), to.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
    simd().fill(to.as<float>() + begin, static_cast<float>(value), end - begin);
  });
}

}  // namespace

void overlay_copy(KernelTable& t) {
  t.eltwise.copy = &copy;
  t.eltwise.fill = &fill;
}

}  // namespace fledge::cpu
