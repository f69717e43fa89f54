// Depthwise convolution by own SIMD kernels. Weights are used tap-major (R,S,C); that copy lives in the weight's slot.
#include "kernels/cpu/conv/depthwise.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {
namespace {

const char* refuses(const ConvCall& c) {
  if (!c.params.is_depthwise(c.x.dims, c.w.dims)) return "not depthwise";
  if (!is_channels_last(c.x) || !is_channels_last(c.y)) return "activations are not channels-last";
  // K,1,R,S stored K-major without gaps, which both layouts are.
  if (!is_contiguous(c.w) && !is_channels_last(c.w)) return "weights have gaps";
  if (c.epilogue.residual && !is_channels_last(*c.epilogue.residual)) return "residual is not channels-last";
  return nullptr;
}

/// to[tap][channel] from w[channel][tap]; flipped turns the filter by 180 degrees.
void to_tap_major(const TensorView& w, bool flipped, float* to) {
  const std::int64_t c = w.dims[0], taps = w.dims[2] * w.dims[3];
  for (std::int64_t t = 0; t < taps; ++t) {
    const std::int64_t from = flipped ? taps - 1 - t : t;
    for (std::int64_t k = 0; k < c; ++k) to[t * c + k] = w.as<float>()[k * taps + from];
  }
}

/// The tap-major copy: from the weight's slot when it has one, else made in the context's scratch.
const float* tap_major(ExecContext& ctx, const TensorView& w, bool flipped) {
  const std::size_t bytes = static_cast<std::size_t>(w.numel()) * sizeof(float);
  const auto pack = [&](void* to) { to_tap_major(w, flipped, static_cast<float*>(to)); };
  if (w.holder) return static_cast<float*>(PackedWeights::of(w, {&kDepthwise, flipped}, bytes, pack));
  void* to = ctx.scratch(bytes);
  pack(to);
  return static_cast<float*>(to);
}

/// Sizes shared by the three argument structs.
template <class Args>
void set_sizes(Args& a, const Dims& x, const Dims& w, const Dims& y, const Conv2dParams& p) {
  a.c = x[1];
  a.h = x[2];
  a.w_in = x[3];
  a.p = y[2];
  a.q = y[3];
  a.r = static_cast<int>(w[2]);
  a.s = static_cast<int>(w[3]);
  a.stride_h = p.stride_h;
  a.stride_w = p.stride_w;
  a.pad_top = p.pad_top;
  a.pad_left = p.pad_left;
}

/// Rows of `width` pixels a thread should at least have: about as much arithmetic as starting it costs.
std::int64_t conv_grain(std::int64_t width, std::int64_t c, std::int64_t taps) {
  return std::max<std::int64_t>(1, 256 * 1024 / std::max<std::int64_t>(1, width * c * taps));
}

/// At least n zeros, which nobody writes to.
const float* zero_row(std::int64_t n) {
  thread_local std::vector<float> zeros;
  if (zeros.size() < static_cast<std::size_t>(n)) zeros.resize(static_cast<std::size_t>(n), 0.0f);
  return zeros.data();
}

/// The moments of a few rows of outputs are taken before the next ones are computed.
void by_strips(ExecContext& ctx, const DepthwiseArgs& a, std::int64_t rows, std::int64_t grain,
               OutputMoments& moments) {
  const std::int64_t floats = a.q * a.c, strip = std::max<std::int64_t>(1, OutputMoments::kNearFloats / floats);
  const int parts = sum_parts(ctx, rows, grain);
  moments.begin(parts);
  parallel_sum(ctx, parts, rows, [&](int part, std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin, last; first < end; first = last) {
      last = std::min(end, first + strip);
      simd().depthwise_forward(a, first, last);
      moments.add(part, a.y + first * floats, (last - first) * a.q);
    }
  });
}

void forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e, const TensorView& y,
             const Conv2dParams& p, OutputMoments* moments) {
  DepthwiseArgs a = depthwise_arguments(ctx, x, w, e.bias, e.activation, y.dims, p);
  a.residual = e.residual ? e.residual->as<float>() : nullptr;
  a.y = y.as<float>();
  const std::int64_t rows = x.dims[0] * a.p, grain = conv_grain(a.q, a.c, a.r * a.s);
  if (moments) return by_strips(ctx, a, rows, grain, *moments);
  parallel_for(ctx.threads(), rows, grain,
               [&](std::int64_t begin, std::int64_t end) { simd().depthwise_forward(a, begin, end); });
}

/// Stride 1: dx[h,w] = sum w[r,s] dy[h + pad - r, ...] is a forward convolution of dy with the filter turned by 180
/// degrees.
void grad_input_flipped(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                        const Conv2dParams& p) {
  Conv2dParams turned = p;
  turned.pad_top = static_cast<int>(w.dims[2]) - 1 - p.pad_top;
  turned.pad_left = static_cast<int>(w.dims[3]) - 1 - p.pad_left;
  DepthwiseArgs a{};
  set_sizes(a, dy.dims, w.dims, dx.dims, turned);
  const Bounds bounds = bounds_of(Activation::None);
  a.x = dy.as<float>();
  a.w = tap_major(ctx, w, true);
  a.zeros = zero_row(a.w_in * a.c);
  a.y = dx.as<float>();
  a.lo = bounds.lo;
  a.hi = bounds.hi;
  parallel_for(ctx.threads(), dx.dims[0] * a.p, conv_grain(a.q, a.c, a.r * a.s),
               [&](std::int64_t begin, std::int64_t end) { simd().depthwise_forward(a, begin, end); });
}

void grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                const Conv2dParams& p) {
  if (p.stride_h == 1 && p.stride_w == 1 && p.pad_top < w.dims[2] && p.pad_left < w.dims[3])
    return grad_input_flipped(ctx, dy, w, dx, p);
  DepthwiseGradInputArgs a{};
  set_sizes(a, dx.dims, w.dims, dy.dims, p);
  a.dy = dy.as<float>();
  a.w = tap_major(ctx, w, false);
  a.dx = dx.as<float>();
  parallel_for(ctx.threads(), dx.dims[0] * a.h, conv_grain(a.w_in, a.c, 4),
               [&](std::int64_t begin, std::int64_t end) { simd().depthwise_grad_input(a, begin, end); });
}

void grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                 const Conv2dParams& p) {
  DepthwiseGradWeightArgs a{};
  set_sizes(a, x.dims, dw.dims, dy.dims, p);
  a.dy = dy.as<float>();
  a.x = x.as<float>();
  const std::int64_t rows = x.dims[0] * a.p, taps = a.r * a.s, n = taps * a.c;
  const int parts = sum_parts(ctx, rows, conv_grain(a.q, a.c, taps));
  const std::size_t bytes = static_cast<std::size_t>(n * parts) * sizeof(double);
  auto* sums = static_cast<double*>(ctx.scratch(bytes));
  std::fill(sums, sums + n * parts, 0.0);
  parallel_sum(ctx, parts, rows, [&](int part, std::int64_t begin, std::int64_t end) {
    DepthwiseGradWeightArgs mine = a;
    mine.dw = sums + part * n;
    simd().depthwise_grad_weight(mine, begin, end);
  });
  for (std::int64_t k = 0; k < a.c; ++k)
    for (std::int64_t t = 0; t < taps; ++t) {
      double s = 0;
      for (int part = 0; part < parts; ++part) s += sums[part * n + t * a.c + k];
      dw.as<float>()[k * taps + t] = static_cast<float>(s);
    }
}

void run(ExecContext& ctx, const ConvCall& c) {
  switch (c.direction) {
    case ConvDirection::Forward:
      return forward(ctx, c.x, c.w, c.epilogue, c.y, c.params, c.moments);
    case ConvDirection::GradInput:
      return grad_input(ctx, c.y, c.w, c.x, c.params);
    case ConvDirection::GradWeight:
      return grad_weight(ctx, c.y, c.x, c.w, c.params);
  }
}

}  // namespace

DepthwiseArgs depthwise_arguments(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                                  Activation activation, const Dims& y, const Conv2dParams& p) {
  DepthwiseArgs a{};
  set_sizes(a, x.dims, w.dims, y, p);
  const Bounds bounds = bounds_of(activation);
  a.x = x.as<float>();
  a.w = tap_major(ctx, w, false);
  a.bias = bias ? bias->as<float>() : nullptr;
  a.zeros = zero_row(a.w_in * a.c);
  a.lo = bounds.lo;
  a.hi = bounds.hi;
  return a;
}

const ConvImplementation kDepthwise{.name = "depthwise", .refuses = &refuses, .run = &run};

}  // namespace fledge::cpu
