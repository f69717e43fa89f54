// Winograd's convolution of 3 x 3 taps with stride 1: forward and the gradient of the input, which is a convolution
// with turned taps. A block of tiles goes through three steps while it lies in the cache: inputs to positions, products
// of the positions, positions to outputs with all that is fused behind.
#include "kernels/cpu/conv/winograd.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/winograd_tiles.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {
namespace {

/// A convolution forward: y from x, or dx from dy with turned taps.
struct Problem {
  WinogradTiles tiles;
  const TensorView &x, &w, &y;
  bool turned;
  std::int64_t c, k;  // channels of x and of y
  const ConvEpilogue& epilogue;
  Bounds bounds;
};

Problem problem_of(int m, const ConvCall& call) {
  const Conv2dParams& p = call.params;
  const bool turned = call.direction == ConvDirection::GradInput;
  const TensorView &x = turned ? call.y : call.x, &y = turned ? call.x : call.y;
  return {{m, x.dims[0], x.dims[2], x.dims[3], y.dims[2], y.dims[3], turned ? 2 - p.pad_top : p.pad_top,
           turned ? 2 - p.pad_left : p.pad_left},
          x,
          call.w,
          y,
          turned,
          x.dims[1],
          y.dims[1],
          call.epilogue,
          bounds_of(call.epilogue.activation)};
}

/// Tiles of a block: so many that the weights, read once a block, cost less than the arithmetic; more do not fit into
/// the cache. Measured: 24 for 64 and 128 channels, 48 for 256, 96 for 512.
std::int64_t block_tiles(const Problem& p, int threads) {
  const std::int64_t rows = simd().product_rows, share = (p.tiles.count() + threads - 1) / threads;
  const std::int64_t tiles = std::min(std::max<std::int64_t>(24, (p.c + p.k) * 3 / 32), share);
  return (tiles + rows - 1) / rows * rows;
}

/// A vector of outputs of a tile is not finite: by the plain formula, which has NaN and infinity where they belong.
void plain_outputs(const Problem& p, const WinogradTiles::Place& at, std::int64_t first, std::int64_t lanes) {
  const WinogradTiles& t = p.tiles;
  const float *x = p.x.as<float>(), *w = p.w.as<float>();
  for (int i = 0; i < t.m; ++i)
    for (int j = 0; j < t.m; ++j)
      for (std::int64_t k = first; k < first + lanes && at.top + i < t.p && at.left + j < t.q; ++k) {
        double sum = p.epilogue.bias ? p.epilogue.bias->as<float>()[k] : 0;
        for (int tap = 0; tap < 9; ++tap) {
          const std::int64_t row = at.top + i - t.pad_top + tap / 3, column = at.left + j - t.pad_left + tap % 3;
          if (row < 0 || row >= t.h || column < 0 || column >= t.w) continue;
          const float* pixel = x + ((at.picture * t.h + row) * t.w + column) * p.c;
          for (std::int64_t c = 0; c < p.c; ++c)
            sum += double{pixel[c]} * (p.turned ? w[(c * 9 + 8 - tap) * p.k + k] : w[(k * 9 + tap) * p.c + c]);
        }
        const std::int64_t to = ((at.picture * t.p + at.top + i) * t.q + at.left + j) * p.k + k;
        auto v = static_cast<float>(sum);
        if (p.epilogue.residual) v += p.epilogue.residual->as<float>()[to];
        p.y.as<float>()[to] = v < p.bounds.lo ? p.bounds.lo : v > p.bounds.hi ? p.bounds.hi : v;
      }
}

/// Of the outputs of tiles [first, last) of one row of tiles, which have just been written.
void add_moments(OutputMoments& moments, int part, const Problem& p, std::int64_t first, std::int64_t last) {
  const WinogradTiles& t = p.tiles;
  const WinogradTiles::Place at = t.place(first);
  const std::int64_t rows = std::min<std::int64_t>(t.m, t.p - at.top);
  const std::int64_t width = std::min(t.q, at.left + (last - first) * t.m) - at.left;
  const float* y = p.y.as<float>() + ((at.picture * t.p + at.top) * t.q + at.left) * p.k;
  if (width == t.q) return moments.add(part, y, rows * width);
  for (std::int64_t i = 0; i < rows; ++i) moments.add(part, y + i * t.q * p.k, width);
}

/// One thread's memory for a block of tiles, and the three steps.
class BlockOfTiles {
 public:
  BlockOfTiles(const Problem& problem, std::int64_t tiles, const WinogradWeights& weights, float* memory)
      : p_(problem),
        weights_(weights),
        columns_(whole_panels(problem.k)),
        input_stride_(tiles * problem.c + kLine),
        output_stride_(tiles * columns_ + kLine),
        inputs_(memory),
        outputs_(memory + problem.tiles.positions() * input_stride_),
        zeros_(static_cast<std::size_t>(std::max(problem.c, problem.k)), 0.0f),
        outside_(static_cast<std::size_t>(problem.k)),
        left_(static_cast<std::size_t>(problem.k)) {}

  static std::int64_t floats(const Problem& p, std::int64_t tiles) {
    return p.tiles.positions() * (tiles * (p.c + whole_panels(p.k)) + 2 * kLine);
  }

  /// Tiles [first, last), no more than it has room for. Moments, where wanted, row of tiles by row of tiles: more of
  /// them would have left the cache.
  void run(std::int64_t first, std::int64_t last, OutputMoments* moments, int part) {
    transform_inputs(first, last);
    multiply(last - first);
    const std::int64_t columns = p_.tiles.columns();
    for (std::int64_t from = first, to; from < last; from = to) {
      to = moments ? std::min(last, (from / columns + 1) * columns) : last;
      transform_outputs(first, from, to);
      if (moments) add_moments(*moments, part, p_, from, to);
    }
  }

 private:
  void transform_inputs(std::int64_t first, std::int64_t last) const {
    const float* pixels[kMostPositions];
    for (std::int64_t tile = first; tile < last; ++tile) {
      p_.tiles.inputs(p_.tiles.place(tile), p_.x.as<float>(), p_.c, zeros_.data(), pixels);
      simd().winograd_input({p_.tiles.m, pixels, inputs_ + (tile - first) * p_.c, input_stride_, p_.c});
    }
  }

  void multiply(std::int64_t tiles) const {
    for (int i = 0; i < p_.tiles.positions(); ++i)
      simd().product({.x = inputs_ + i * input_stride_,
                      .w = weights_.positions + i * weights_.position_stride,
                      .y = outputs_ + i * output_stride_,
                      .ldx = p_.c,
                      .ldw = 0,
                      .ldy = columns_,
                      .rows = tiles,
                      .depth = p_.c,
                      .columns = columns_});
  }

  /// Tiles [begin, end) of the block that begins with `first`.
  void transform_outputs(std::int64_t first, std::int64_t begin, std::int64_t end) {
    const ConvEpilogue& e = p_.epilogue;
    float* pixels[kMostPositions];
    const float* residual[kMostPositions];
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const WinogradTiles::Place at = p_.tiles.place(tile);
      p_.tiles.outputs(at, p_.y.as<float>(), p_.k, outside_.data(), pixels);
      if (e.residual) p_.tiles.outputs<const float>(at, e.residual->as<float>(), p_.k, zeros_.data(), residual);
      const std::int64_t vectors = simd().winograd_output({.m = p_.tiles.m,
                                                           .from = outputs_ + (tile - first) * columns_,
                                                           .position_stride = output_stride_,
                                                           .k = p_.k,
                                                           .bias = e.bias ? e.bias->as<float>() : nullptr,
                                                           .residual = e.residual ? residual : nullptr,
                                                           .pixels = pixels,
                                                           .lo = p_.bounds.lo,
                                                           .hi = p_.bounds.hi,
                                                           .left = left_.data()});
      for (std::int64_t i = 0; i < vectors; ++i)
        plain_outputs(p_, at, left_[static_cast<std::size_t>(i)], simd().lanes);
    }
  }

  const Problem& p_;
  const WinogradWeights& weights_;
  std::int64_t columns_, input_stride_, output_stride_;
  float *inputs_, *outputs_;  // at the positions
  std::vector<float> zeros_, outside_;
  std::vector<std::int64_t> left_;
};

/// Training changes the weight before the next call: its forms are then made anew in the context's scratch.
bool keeps_weights(const ConvCall& call) { return call.inference && call.w.holder; }

constexpr int kForm = 0;  // its address names the packed forms

void convolve(ExecContext& ctx, int m, const ConvCall& call) {
  const Problem p = problem_of(m, call);
  const bool fixed = call.moments && thread_invariant();  // moments are sums of the blocks'
  const std::int64_t tiles = block_tiles(p, fixed ? kFixedParts : ctx.threads());
  const std::int64_t blocks = (p.tiles.count() + tiles - 1) / tiles;
  const int parts = call.moments ? sum_parts(ctx, blocks, 1) : part_count(ctx.threads(), blocks, 1);
  const std::int64_t stride = winograd_weight_stride(p.c, p.k), packed = p.tiles.positions() * stride;
  const std::int64_t each = BlockOfTiles::floats(p, tiles);
  const auto pack = [&](void* to) { pack_winograd_weights(ctx.threads(), m, p.w, p.turned, static_cast<float*>(to)); };
  const auto bytes = [](std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); };
  const bool keep = keeps_weights(call);
  auto* memory = static_cast<float*>(ctx.scratch(bytes(parts * each + (keep ? 0 : packed))));
  float* u = memory + parts * each;
  if (keep)
    u = static_cast<float*>(PackedWeights::of(p.w, {&kForm, m}, bytes(packed), pack));
  else
    pack(u);
  const WinogradWeights weights{u, stride};
  if (call.moments) call.moments->begin(parts);
  parallel_sum(ctx, parts, blocks, [&](int part, std::int64_t begin, std::int64_t end) {
    BlockOfTiles block(p, tiles, weights, memory + part * each);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * tiles, last = std::min(p.tiles.count(), first + tiles);
      block.run(first, last, call.moments, part);
    }
  });
}

const char* refuses(const ConvCall& c) {
  const Conv2dParams& p = c.params;
  if (c.w.dims[2] != 3 || c.w.dims[3] != 3 || p.stride_h != 1 || p.stride_w != 1 || p.groups != 1)
    return "not 3 x 3 with stride 1";
  if (std::max({p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}) > 2) return "padded by more than 2";
  if (c.x.dims[1] % 16 || c.w.dims[0] % 16) return "channels are no multiple of 16";
  if (!is_channels_last(c.x) || !is_channels_last(c.y) || !is_channels_last(c.w)) return "not channels-last";
  if (c.epilogue.residual && !is_channels_last(*c.epilogue.residual)) return "residual is not channels-last";
  if (c.y.numel() == 0 || c.x.numel() == 0) return "nothing to compute";
  return nullptr;
}

/// Multiplications for each pair of channels; m = 1: the plain formula's. The weights cost as much as some tiles: to
/// make (training), or to read (more than the tiles' own arithmetic where these are few).
std::int64_t multiplications(int m, const ConvCall& call) {
  constexpr std::int64_t kTilesOfPacking = 53, kTilesOfReading = 13;  // measured: 512 x 512 channels, Zen 3
  const std::int64_t pixels = call.y.dims[0] * call.y.dims[2] * call.y.dims[3];
  if (m == 1) return 9 * std::max(pixels, kTilesOfReading);
  const WinogradTiles& t = problem_of(m, call).tiles;
  if (call.direction == ConvDirection::GradWeight) return t.positions() * (t.count() + kTilesOfPacking);
  return t.positions() * (keeps_weights(call) ? std::max(t.count(), kTilesOfReading) : t.count() + kTilesOfPacking);
}

template <int M>
const char* unfit(const ConvCall& call) {
  const std::int64_t mine = multiplications(M, call);
  if (mine > multiplications(6 - M, call)) return "the other size of tiles multiplies less";
  return mine > multiplications(1, call) * 9 / 10 ? "too few tiles" : nullptr;
}

template <int M>
void run(ExecContext& ctx, const ConvCall& call) {
  if (call.direction != ConvDirection::GradWeight) return convolve(ctx, M, call);
  if (!winograd_grad_weight(ctx, M, call)) direct(call).run(ctx, call);
}

}  // namespace

const ConvImplementation kWinograd4{.name = "winograd-4x4", .refuses = &refuses, .unfit = &unfit<4>, .run = &run<4>};
const ConvImplementation kWinograd2{.name = "winograd-2x2", .refuses = &refuses, .unfit = &unfit<2>, .run = &run<2>};

}  // namespace fledge::cpu
