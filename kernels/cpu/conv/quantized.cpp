// Inference convolutions in whole numbers (Precision::Int16, Int8). The inputs under the filter at one output pixel are
// a row; rows and outputs' weights are rounded, each to a unit of its own, so nothing need be known of the network or
// its inputs beforehand. Products are added up exactly, in 32 bits.
#include <algorithm>
#include <vector>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/conv/quantized_panels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {
namespace {

constexpr int kForm = 0;  // its address names the packed forms

const char* refuses(const ConvCall& c) {
  if (c.direction != ConvDirection::Forward || !c.inference || !c.w.holder) return "inference only";
  if (c.params.groups != 1 || c.x.dims[1] % 16) return "channels are no multiple of 16";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.epilogue.residual && !is_channels_last(*c.epilogue.residual)) return "residual is not channels-last";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

const char* refuses_int8(const ConvCall& c) {
  constexpr std::int64_t kDepth = 65536;  // times 255 * 127 is below 2^31
  if (!simd().quantized8_product) return "no VNNI";
  return c.w.numel() / c.w.dims[0] > kDepth ? "its sums may leave 32 bits" : refuses(c);
}

const char* unfit(const ConvCall& c) {
  for (const ConvImplementation* i : {&kWinograd4, &kWinograd2})
    if (!i->refuses(c) && !i->unfit(c)) return "Winograd's tiles multiply less";
  return nullptr;
}

QuantizedPanels packed(ExecContext& ctx, Numbers numbers, const TensorView& w) {
  const std::int64_t outputs = w.dims[0], depth = w.numel() / outputs;
  const auto in = [&](void* memory) { return QuantizedPanels(numbers, memory, depth, outputs); };
  const WeightForm form{&kForm, static_cast<int>(numbers)};
  return in(PackedWeights::of(w, form, QuantizedPanels::bytes(numbers, depth, outputs),
                              [&](void* to) { quantize_panels(ctx.threads(), w, in(to)); }));
}

/// One thread's memory for the numbers of a block of output pixels.
class Block {
 public:
  Block(const ConvCall& call, const QuantizedPanels& weights, std::int64_t pixels, float* memory)
      : c_(call),
        weights_(weights),
        taps_(call.w.dims[2] * call.w.dims[3]),
        depth_(taps_ * call.x.dims[1]),
        units_(memory),
        zeros_(reinterpret_cast<std::int32_t*>(memory + pixels)),
        codes_(zeros_ + pixels),
        outside_(static_cast<std::size_t>(call.x.dims[1]), 0.0f),
        under_(static_cast<std::size_t>(taps_)) {}

  static std::int64_t floats(const ConvCall& c, Numbers numbers, std::int64_t pixels) {
    const std::int64_t depth = c.w.numel() / c.w.dims[0];
    return (2 * pixels + pixels * depth / per_element(numbers) + 15) / 16 * 16;
  }

  /// Output pixels [first, last) of all pictures.
  void run(std::int64_t first, std::int64_t last) {
    const std::int64_t row = depth_ / per_element(weights_.numbers);
    for (std::int64_t i = 0; i < last - first; ++i) {
      look_under(first + i);
      quantize(i, codes_ + i * row);
    }
    for (std::int64_t k = 0; k < c_.y.dims[1]; k += simd().quantized_panel) multiply(first, last, k, row);
  }

 private:
  void quantize(std::int64_t i, std::int32_t* to) {
    const std::int64_t c = c_.x.dims[1];
    units_[i] = weights_.numbers == Numbers::Int16
                    ? simd().quantize(under_.data(), taps_, c, reinterpret_cast<std::int16_t*>(to))
                    : simd().quantize8(under_.data(), taps_, c, reinterpret_cast<std::uint8_t*>(to), zeros_ + i);
  }

  void multiply(std::int64_t first, std::int64_t last, std::int64_t k, std::int64_t row) const {
    const std::int64_t outputs = c_.y.dims[1], at = first * outputs + k;
    const ConvEpilogue& e = c_.epilogue;
    const Bounds bounds = bounds_of(e.activation);
    const bool int8 = weights_.numbers == Numbers::Int8;
    (int8 ? simd().quantized8_product
          : simd().quantized_product)({.x = codes_,
                                       .w = weights_.codes + k * row,
                                       .y = c_.y.as<float>() + at,
                                       .x_scale = units_,
                                       .w_scale = weights_.units + k,
                                       .ldy = outputs,
                                       .rows = last - first,
                                       .depth = row,
                                       .columns = std::min<std::int64_t>(simd().quantized_panel, outputs - k),
                                       .x_zero = int8 ? zeros_ : nullptr,
                                       .w_sum = int8 ? weights_.sums + k : nullptr,
                                       .bias = e.bias ? e.bias->as<float>() + k : nullptr,
                                       .residual = e.residual ? e.residual->as<float>() + at : nullptr,
                                       .lo = bounds.lo,
                                       .hi = bounds.hi});
  }

  /// Where the channels of each tap lie at an output pixel.
  void look_under(std::int64_t pixel) {
    const std::int64_t q = c_.y.dims[3], p = c_.y.dims[2], h = c_.x.dims[2], w = c_.x.dims[3], c = c_.x.dims[1];
    const std::int64_t top = pixel / q % p * c_.params.stride_h - c_.params.pad_top;
    const std::int64_t left = pixel % q * c_.params.stride_w - c_.params.pad_left;
    const float* picture = c_.x.as<float>() + pixel / (p * q) * h * w * c;
    for (std::int64_t r = 0, tap = 0; r < c_.w.dims[2]; ++r)
      for (std::int64_t s = 0; s < c_.w.dims[3]; ++s, ++tap) {
        const std::int64_t row = top + r, column = left + s;
        const bool inside = row >= 0 && row < h && column >= 0 && column < w;
        under_[static_cast<std::size_t>(tap)] = inside ? picture + (row * w + column) * c : outside_.data();
      }
  }

  const ConvCall& c_;
  const QuantizedPanels& weights_;
  std::int64_t taps_, depth_;
  float* units_;
  std::int32_t *zeros_, *codes_;
  std::vector<float> outside_;
  std::vector<const float*> under_;
};

/// So many that the weights, read once a block, cost little; their numbers shall stay in the second-level cache.
std::int64_t block_pixels(const ConvCall& c, int threads) {
  constexpr std::int64_t kNumbers = 96 * 1024, kLeast = 24, kMost = 192;
  const std::int64_t rows = simd().quantized_rows, depth = c.w.numel() / c.w.dims[0];
  const std::int64_t pixels = c.y.dims[0] * c.y.dims[2] * c.y.dims[3], share = (pixels + threads - 1) / threads;
  return (std::min(std::clamp(kNumbers / depth, kLeast, kMost), share) + rows - 1) / rows * rows;
}

template <Numbers N>
void run(ExecContext& ctx, const ConvCall& c) {
  const QuantizedPanels weights = packed(ctx, N, c.w);
  const std::int64_t pixels = c.y.dims[0] * c.y.dims[2] * c.y.dims[3], block = block_pixels(c, ctx.threads());
  const std::int64_t blocks = (pixels + block - 1) / block, each = Block::floats(c, N, block);
  const int threads = thread_count(ctx.threads(), blocks, 1);
  auto* memory = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(threads * each) * sizeof(float)));
  parallel_threads(threads, blocks, [&](int thread, std::int64_t begin, std::int64_t end) {
    Block numbers(c, weights, block, memory + thread * each);
    for (std::int64_t i = begin; i < end; ++i) numbers.run(i * block, std::min(pixels, (i + 1) * block));
  });
}

}  // namespace

const ConvImplementation kInt16{
    .name = "int16", .refuses = &refuses, .unfit = &unfit, .run = &run<Numbers::Int16>, .precision = Precision::Int16};
const ConvImplementation kInt8{.name = "int8",
                               .refuses = &refuses_int8,
                               .unfit = &unfit,
                               .run = &run<Numbers::Int8>,
                               .precision = Precision::Int8};

}  // namespace fledge::cpu
