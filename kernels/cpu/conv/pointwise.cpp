// Convolutions of one tap whose output's moments are wanted: strips of pixels are multiplied, and their moments taken
// while they lie in the cache. oneDNN multiplies as fast; what it writes has to be read again for the moments. The
// batch norm before it, where there is one, is applied to a strip on the way.
#include "kernels/cpu/conv/pointwise.h"

#include <algorithm>

#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/conv/normed_rows.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

const char* refuses(const ConvCall& c) {
  const Conv2dParams& p = c.params;
  if (!c.moments) return "no moments are wanted";
  if (c.w.dims[2] != 1 || c.w.dims[3] != 1 || p.stride_h != 1 || p.stride_w != 1 || p.groups != 1)
    return "not 1 x 1 with stride 1";
  if (p.pad_top || p.pad_left || p.pad_bottom || p.pad_right) return "padded";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

/// Inputs that lie in memory as they are multiplied.
struct PlainRows {
  const float* x;
  std::int64_t depth;

  std::int64_t floats(std::int64_t) const { return 0; }
  const float* rows(std::int64_t first, std::int64_t, float*) const { return x + first * depth; }
};

/// Inputs that are made, in memory of a thread's own.
struct MadeRows {
  const NormedRows& made;
  std::int64_t depth;

  std::int64_t floats(std::int64_t strip) const { return strip * depth; }
  const float* rows(std::int64_t first, std::int64_t count, float* memory) const {
    made.copy(first, count, memory);
    return memory;
  }
};

/// Pixels of a strip: whole blocks of the product, whose inputs stay in the first-level cache, but so many that a panel
/// of weights is worth fetching.
std::int64_t strip_pixels(std::int64_t depth, std::int64_t columns) {
  constexpr std::int64_t kFloats = 4 * 1024, kLeast = 48;
  const std::int64_t block = 2 * simd().product_rows;
  const std::int64_t pixels = std::max(kLeast, kFloats / std::max(depth, columns));
  return (pixels + block - 1) / block * block;
}

struct Strips {
  std::int64_t depth, columns, pixels, strip, count;

  Strips(const TensorView& w, const TensorView& y)
      : depth(w.dims[1]),
        columns(w.dims[0]),
        pixels(y.numel() / columns),
        strip(strip_pixels(depth, columns)),
        count((pixels + strip - 1) / strip) {}
};

/// memory: panel_floats(w), then inputs.floats(strip) a thread.
template <class Inputs>
void run_strips(ExecContext& ctx, const Strips& s, const Inputs& inputs, const TensorView& w, const TensorView* bias,
                Activation activation, const TensorView& y, OutputMoments& moments, float* memory) {
  pack_panels(w, memory, ctx.threads());
  const Bounds bounds = bounds_of(activation);
  const ProductFusedArgs product{.x = nullptr,
                                 .w = memory,
                                 .bias = bias ? bias->as<float>() : nullptr,
                                 .y = y.as<float>(),
                                 .ldx = s.depth,
                                 .ldy = s.columns,
                                 .run_stride = 0,
                                 .runs = 1,
                                 .rows = 0,
                                 .depth = s.depth,
                                 .columns = s.columns,
                                 .lo = bounds.lo,
                                 .hi = bounds.hi};
  float* const own = memory + panel_floats(w);
  const int parts = sum_parts(ctx, s.count, 1);
  moments.begin(parts);
  parallel_parts(sum_threads(ctx, parts), parts, s.count,
                 [&](int thread, int part, std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     ProductFusedArgs mine = product;
                     mine.rows = std::min(s.strip, s.pixels - i * s.strip);
                     mine.x = inputs.rows(i * s.strip, mine.rows, own + thread * inputs.floats(s.strip));
                     mine.y += i * s.strip * s.columns;
                     simd().product_fused(mine);
                     moments.add(part, mine.y, mine.rows);
                   }
                 });
}

void run(ExecContext& ctx, const ConvCall& c) {
  auto* memory = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(panel_floats(c.w)) * sizeof(float)));
  run_strips(ctx, {c.w, c.y}, PlainRows{c.x.as<float>(), c.x.dims[1]}, c.w, c.epilogue.bias, c.epilogue.activation, c.y,
             *c.moments, memory);
}

}  // namespace

const ConvImplementation kPointwise{.name = "pointwise", .refuses = &refuses, .run = &run};

void batch_norm_pointwise(ExecContext& ctx, const TensorView& x, const TensorView& moments, const TensorView& gamma,
                          const TensorView& beta, const TensorView& mean, const TensorView& invstd,
                          const TensorView* running_mean, const TensorView* running_var, const TensorView& w,
                          const TensorView& y, const TensorView& y_moments, const BatchNormParams& p) {
  if (x.numel() == 0 || y.numel() == 0 || !all_channels_last({&x, &w, &y}))
    return reference().norm.batch_norm_pointwise(ctx, x, moments, gamma, beta, mean, invstd, running_mean, running_var,
                                                 w, y, y_moments, p);
  if (ctx.report) ctx.report->implementation = "strips";
  const std::int64_t c = x.dims[1], rows = x.numel() / c;
  const Columns m(rows, c);
  const Strips strips(w, y);
  const std::int64_t parameters = 3 * m.width(), strip = strips.strip * strips.depth;
  const int threads = sum_threads(ctx, sum_parts(ctx, strips.count, 1));
  auto* memory = static_cast<float*>(
      ctx.scratch(static_cast<std::size_t>(parameters + panel_floats(w) + threads * strip) * sizeof(float)));
  const NormStatistics statistics{mean, invstd, running_mean, running_var};
  parameters_from_moments(m, statistics, rows, moments, gamma, beta, p, memory);
  const NormedRows z(m, x, memory, memory + m.width(), memory + 2 * m.width(), bounds_of(p.activation));
  OutputMoments gathered(strips.pixels, strips.columns);
  run_strips(ctx, strips, MadeRows{z, c}, w, nullptr, Activation::None, y, gathered, memory + parameters);
  gathered.write(y_moments.as<double>());
}

}  // namespace fledge::cpu
