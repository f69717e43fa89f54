// A depthwise convolution and the 1 x 1 one behind it, strip by strip: some rows of depthwise outputs are multiplied
// while they lie in the first-level cache, so the map between the two is never written to memory.
#include "kernels/cpu/conv/separable.h"

#include <algorithm>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/allocator.h"
#include "kernels/cpu/conv/depthwise.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {
namespace {

constexpr int kForm = 0;  // its address names the packed form

const float* packed_pointwise(const TensorView& w) {
  const std::size_t bytes = static_cast<std::size_t>(panel_floats(w)) * sizeof(float);
  return static_cast<float*>(
      PackedWeights::of(w, {&kForm, 0}, bytes, [&](void* to) { pack_panels(w, static_cast<float*>(to)); }));
}

/// Rows of a strip: its depthwise outputs shall stay in the first-level cache, but be enough for a good product.
std::int64_t strip_rows(std::int64_t width, std::int64_t channels) {
  constexpr std::int64_t kFloats = 6 * 1024, kLeastPixels = 24;
  return std::max({std::int64_t{1}, kFloats / (width * channels), (kLeastPixels + width - 1) / width});
}

}  // namespace

bool separable_by_strips(ExecContext& ctx, const TensorView& x, const TensorView& depthwise,
                         const TensorView& pointwise, const SeparableEpilogue& e, const TensorView& y,
                         const Conv2dParams& p) {
  if (!is_channels_last(x) || !is_channels_last(y)) return false;
  if (!is_contiguous(depthwise) && !is_channels_last(depthwise)) return false;
  if (!is_channels_last(pointwise) || !depthwise.holder || !pointwise.holder || y.numel() == 0) return false;
  if (ctx.report) ctx.report->implementation = "strips";
  const std::int64_t rows = y.dims[0] * y.dims[2], width = y.dims[3], channels = x.dims[1];
  const std::int64_t strip = std::min(rows, strip_rows(width, channels)), strips = (rows + strip - 1) / strip;
  const int threads = thread_count(ctx.threads(), strips, 1);
  const DepthwiseArgs first_half = depthwise_arguments(ctx, x, depthwise, e.depthwise_bias, e.between, y.dims, p);
  const Bounds bounds = bounds_of(e.activation);
  const ProductFusedArgs second_half{.x = nullptr,
                                     .w = packed_pointwise(pointwise),
                                     .bias = e.bias ? e.bias->as<float>() : nullptr,
                                     .y = y.as<float>(),
                                     .ldx = channels,
                                     .ldy = y.dims[1],
                                     .run_stride = 0,
                                     .runs = 1,
                                     .rows = 0,
                                     .depth = channels,
                                     .columns = y.dims[1],
                                     .lo = bounds.lo,
                                     .hi = bounds.hi};
  const std::int64_t floats = strip * width * channels;
  auto* memory = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(threads * floats) * sizeof(float)));
  parallel_threads(threads, strips, [&](int thread, std::int64_t begin, std::int64_t end) {
    float* between = memory + thread * floats;
    for (std::int64_t first = begin * strip, last; first < std::min(rows, end * strip); first = last) {
      last = std::min(rows, first + strip);
      DepthwiseArgs to_strip = first_half;
      to_strip.y = between;
      to_strip.first_row = first;
      simd().depthwise_forward(to_strip, first, last);
      ProductFusedArgs from_strip = second_half;
      from_strip.x = between;
      from_strip.y += first * width * from_strip.columns;
      from_strip.rows = (last - first) * width;
      simd().product_fused(from_strip);
    }
  });
  return true;
}

void separable_in_two(Conv2dForwardFused fused, ExecContext& ctx, const TensorView& x, const TensorView& depthwise,
                      const TensorView& pointwise, const SeparableEpilogue& e, const TensorView& y,
                      const Conv2dParams& p) {
  const std::int64_t n = y.dims[0], c = x.dims[1], h = y.dims[2], w = y.dims[3];
  const Lent memory(static_cast<std::size_t>(n * c * h * w) * size_of(x.dtype));
  TensorView between = x;
  between.data = memory.data;
  between.dims = {n, c, h, w};
  between.strides = {h * w * c, 1, w * c, c};
  between.holder = nullptr;
  fused(ctx, x, depthwise, {.bias = e.depthwise_bias, .activation = e.between}, between, p);
  fused(ctx, between, pointwise, {.bias = e.bias, .activation = e.activation}, y, {});
}

}  // namespace fledge::cpu
