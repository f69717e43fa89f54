// Convolutions of at most four input channels, forward: a network's first layer. The pixels under one row of the filter
// lie side by side in memory, so the outputs of a row are a product whose rows overlap. Input rows are copied with
// their padding first: some kilobytes that stay in the first-level cache.
#include <algorithm>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/pixels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/normalizer.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

const char* refuses(const ConvCall& c) {
  if (c.direction != ConvDirection::Forward) return "forward only";
  if (c.params.groups != 1 || c.x.dims[1] > 4) return "more than four input channels";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.epilogue.residual) return "residual";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

/// A strip of output rows of one picture.
struct Strip {
  std::int64_t picture, first, last;
};

/// The input's rows, `size` floats each.
struct NumberRows {
  const float* x;
  std::int64_t size;
  void copy(std::int64_t row, float* to) const { std::copy_n(x + row * size, size, to); }
};
/// Of pictures that are still bytes: normalized on the way.
struct PixelRows {
  const std::uint8_t* pixels;
  std::int64_t size;
  const Normalizer& normalizer;
  void copy(std::int64_t row, float* to) const { normalizer.run(pixels + row * size, to, size); }
};

/// Of the call's x the dims alone are looked at.
template <class Rows>
class FewChannels {
 public:
  FewChannels(const ConvCall& call, const Rows& inputs, const float* weights)
      : c_(call),
        inputs_(inputs),
        channels_(call.x.dims[1]),
        width_((call.x.dims[3] + call.params.pad_left + call.params.pad_right)) {
    const Bounds bounds = bounds_of(call.epilogue.activation);
    product_ = {.x = nullptr,
                .w = weights,
                .bias = call.epilogue.bias ? call.epilogue.bias->as<float>() : nullptr,
                .y = nullptr,
                .ldx = call.params.stride_w * channels_,
                .ldy = call.y.dims[1],
                .run_stride = width_ * channels_,
                .runs = static_cast<int>(call.w.dims[2]),
                .rows = call.y.dims[3],
                .depth = call.w.dims[3] * channels_,
                .columns = call.y.dims[1],
                .lo = bounds.lo,
                .hi = bounds.hi};
  }

  std::int64_t input_rows(std::int64_t output_rows) const {
    return (output_rows - 1) * c_.params.stride_h + c_.w.dims[2];
  }
  std::int64_t floats(std::int64_t output_rows) const { return input_rows(output_rows) * product_.run_stride; }

  void run(const Strip& strip, float* memory) const {
    copy_inputs(strip, memory);
    const std::int64_t rows = c_.y.dims[2], row_size = product_.rows * product_.columns;
    for (std::int64_t p = strip.first; p < strip.last; ++p) {
      ProductFusedArgs row = product_;
      row.x = memory + (p - strip.first) * c_.params.stride_h * product_.run_stride;
      row.y = c_.y.as<float>() + (strip.picture * rows + p) * row_size;
      simd().product_fused(row);
    }
  }

  void add_moments(const Strip& strip, int part) const {
    const std::int64_t row = strip.picture * c_.y.dims[2] + strip.first;
    c_.moments->add(part, c_.y.as<float>() + row * product_.rows * product_.columns,
                    (strip.last - strip.first) * product_.rows);
  }

 private:
  void copy_inputs(const Strip& strip, float* to) const {
    const std::int64_t height = c_.x.dims[2], left = c_.params.pad_left * channels_, right = left + inputs_.size;
    const std::int64_t top = strip.first * c_.params.stride_h - c_.params.pad_top;
    for (std::int64_t h = top; h < top + input_rows(strip.last - strip.first); ++h, to += product_.run_stride) {
      if (h < 0 || h >= height) {
        std::fill(to, to + product_.run_stride, 0.0f);
        continue;
      }
      std::fill(to, to + left, 0.0f);
      inputs_.copy(strip.picture * height + h, to + left);
      std::fill(to + right, to + product_.run_stride, 0.0f);
    }
  }

  const ConvCall& c_;
  const Rows& inputs_;
  std::int64_t channels_, width_;
  ProductFusedArgs product_;
};

const char* unfit(const ConvCall& c) { return c.y.dims[1] > 16 ? "many output channels" : nullptr; }

template <class Rows>
void run_over(const Rows& inputs, ExecContext& ctx, const ConvCall& c) {
  constexpr std::int64_t kStripRows = 4;
  const std::int64_t strips = (c.y.dims[2] + kStripRows - 1) / kStripRows, all = c.x.dims[0] * strips;
  const std::int64_t packed = panel_floats(c.w), each = FewChannels(c, inputs, nullptr).floats(kStripRows);
  const int threads = thread_count(ctx.threads(), all, 1);
  const int parts = c.moments ? sum_parts(ctx, all, 1) : parts_of_threads(threads, all);
  auto* memory = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(packed + threads * each) * sizeof(float)));
  pack_panels(c.w, memory);
  const FewChannels convolution(c, inputs, memory);
  if (c.moments) c.moments->begin(parts);
  parallel_parts(threads, parts, all, [&](int thread, int part, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % strips * kStripRows, last = std::min(c.y.dims[2], first + kStripRows);
      convolution.run({i / strips, first, last}, memory + packed + thread * each);
      if (c.moments) convolution.add_moments({i / strips, first, last}, part);
    }
  });
}

void run(ExecContext& ctx, const ConvCall& c) {
  if (!all_finite(c.w)) return kReference.run(ctx, c);  // an infinite weight times padding would be NaN
  run_over(NumberRows{c.x.as<float>(), c.x.dims[3] * c.x.dims[1]}, ctx, c);
}

}  // namespace

const ConvImplementation kFewChannels{.name = "few-channels", .refuses = &refuses, .unfit = &unfit, .run = &run};

bool pixels_by_rows(ExecContext& ctx, const TensorView& pixels, const NormalizeParams& normalize, const TensorView& w,
                    const ConvEpilogue& e, const TensorView& y, const Conv2dParams& p) {
  const TensorView x = normalized_view(pixels, nullptr, DType::Float32);
  const ConvCall call{ConvDirection::Forward, x, w, y, p, e, true};
  if (refuses(call) || unfit(call) || !all_finite(w)) return false;
  if (ctx.report) ctx.report->implementation = kFewChannels.name;
  run_over(PixelRows{pixels.as<std::uint8_t>(), x.dims[3] * 3, Normalizer::of(normalize)}, ctx, call);
  return true;
}

}  // namespace fledge::cpu
