// The gradient of dense weights as products of matrices: at each tap, dw = dy^T x over the pixels. Blocks of pixels
// stay in the second-level cache; where the tap's inputs do not lie side by side, they are gathered first.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

// Measured on Zen 3: twice or half of each is no faster.
constexpr std::int64_t kBlockPixels = 128, kItemInputs = 128, kItemOutputs = 96;

const char* refuses(const ConvCall& c) {
  if (c.direction != ConvDirection::GradWeight) return "gradient of weights only";
  if (c.params.groups != 1) return "groups";
  if (c.x.dims[1] % simd().product_panel) return "input channels are no whole panels";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

/// What one thread adds up: some outputs of some inputs at a tap. A thread's items are neighbours, so that gathered
/// inputs serve all outputs.
struct Item {
  std::int64_t tap, input, output;
};

struct Cut {
  std::int64_t inputs, outputs;  // blocks of them

  explicit Cut(const ConvCall& call)
      : inputs((call.x.dims[1] + kItemInputs - 1) / kItemInputs),
        outputs((call.w.dims[0] + kItemOutputs - 1) / kItemOutputs) {}

  std::int64_t items(const ConvCall& call) const { return call.w.dims[2] * call.w.dims[3] * inputs * outputs; }
  Item at(std::int64_t i) const {
    return {i / (inputs * outputs), i / outputs % inputs * kItemInputs, i % outputs * kItemOutputs};
  }
};

/// The inputs under one tap of output pixels [first, first + count): rows of `channels` floats, `stride` apart.
struct Rows {
  const float* data;
  std::int64_t stride;
};

class Gather {
 public:
  explicit Gather(const ConvCall& call) : call_(call), kept_(static_cast<std::size_t>(kBlockPixels * kItemInputs)) {}

  Rows rows(const Item& item, std::int64_t first, std::int64_t count) {
    const Dims &x = call_.x.dims, &y = call_.y.dims;
    const Conv2dParams& p = call_.params;
    const float* data = call_.x.as<float>() + item.input;
    const bool pointwise = call_.w.dims[2] == 1 && call_.w.dims[3] == 1 && p.stride_h == 1 && p.stride_w == 1 &&
                           x[2] == y[2] && x[3] == y[3] && p.pad_top == 0 && p.pad_left == 0;
    if (pointwise) return {data + first * x[1], x[1]};
    const std::int64_t channels = std::min(kItemInputs, x[1] - item.input);
    const std::int64_t r = item.tap / call_.w.dims[3], s = item.tap % call_.w.dims[3];
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t q = (first + i) % y[3], row = (first + i) / y[3], n = row / y[2];
      const std::int64_t h = row % y[2] * p.stride_h - p.pad_top + r, w = q * p.stride_w - p.pad_left + s;
      float* to = kept_.data() + i * channels;
      if (h < 0 || h >= x[2] || w < 0 || w >= x[3])
        std::fill(to, to + channels, 0.0f);
      else
        std::memcpy(to, data + ((n * x[2] + h) * x[3] + w) * x[1], static_cast<std::size_t>(channels) * sizeof(float));
    }
    return {kept_.data(), channels};
  }

 private:
  const ConvCall& call_;
  std::vector<float> kept_;
};

void run(ExecContext& ctx, const ConvCall& call) {
  const std::int64_t c = call.x.dims[1], k = call.w.dims[0], taps = call.w.dims[2] * call.w.dims[3];
  const std::int64_t pixels = call.y.numel() / k;
  const Cut cut(call);
  // One part a thread: each reads all pixels.
  const int threads = thread_count(ctx.threads(), cut.items(call), 1);
  parallel_parts(threads, threads, cut.items(call), [&](int, int, std::int64_t begin, std::int64_t end) {
    Gather gather(call);
    for (std::int64_t first = 0; first < pixels; first += kBlockPixels) {
      const std::int64_t count = std::min(kBlockPixels, pixels - first);
      Rows rows{};
      for (std::int64_t i = begin; i < end; ++i) {
        const Item item = cut.at(i);
        if (i == begin || item.output == 0) rows = gather.rows(item, first, count);
        simd().product_transposed({.x = call.y.as<float>() + first * k + item.output,
                                   .w = rows.data,
                                   .y = call.w.as<float>() + (item.output * taps + item.tap) * c + item.input,
                                   .ldx = k,
                                   .ldw = rows.stride,
                                   .ldy = taps * c,
                                   .rows = std::min(kItemOutputs, k - item.output),
                                   .depth = count,
                                   .columns = std::min(kItemInputs, c - item.input)},
                                  first > 0);
      }
    }
  });
  // Zeros stand for what lies outside the picture: zero times infinity is NaN, where the sum leaves the product out.
  if (!all_finite(call.w)) direct(call).run(ctx, call);
}

/// oneDNN is slow here below AVX-512: 30-50 % of peak on Zen 3, where these products reach 55-75 %.
const char* unfit(const ConvCall& call) {
  if (simd().lanes >= 16) return "not measured to be faster with AVX-512";
  const bool pointwise = call.w.dims[2] == 1 && call.w.dims[3] == 1;
  return pointwise && call.params.stride_h == 1 ? "no faster for one tap" : nullptr;
}

}  // namespace

const ConvImplementation kProductGradWeight{.name = "products", .refuses = &refuses, .unfit = &unfit, .run = &run};

}  // namespace fledge::cpu
