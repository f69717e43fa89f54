// Winograd's convolution of 3 x 3 taps with stride 1: forward and the gradient of the input, which is a convolution
// with turned taps. A block of tiles goes through its three steps while it lies in the cache (winograd_block.h).
#include "kernels/cpu/conv/winograd.h"

#include <algorithm>

#include "kernels/cpu/conv/quantized_panels.h"
#include "kernels/cpu/conv/winograd_block.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {
namespace {

/// Tiles of a block: so many that the weights, read once a block, cost less than the arithmetic; more do not fit into
/// the cache. Measured: 24 for 64 and 128 channels, 48 for 256, 96 for 512.
std::int64_t block_tiles(const WinogradProblem& p, int threads) {
  const std::int64_t rows = simd().product_rows, share = (p.tiles.count() + threads - 1) / threads;
  const std::int64_t tiles = std::min(std::max<std::int64_t>(24, (p.c + p.k) * 3 / 32), share);
  return (tiles + rows - 1) / rows * rows;
}

/// Training changes the weight before the next call: its forms are then made anew in the context's scratch.
bool keeps_weights(const ConvCall& call) { return call.inference && call.w.holder; }

constexpr int kForm = 0;  // its address names the packed forms

/// On so many threads; `memory` is theirs, BlockOfTiles::floats each.
void run_blocks(ExecContext& ctx, const WinogradProblem& p, const WinogradWeights& weights, std::int64_t tiles,
                int threads, float* memory, OutputMoments* moments) {
  const std::int64_t blocks = (p.tiles.count() + tiles - 1) / tiles, each = BlockOfTiles::floats(p, tiles);
  const int parts = moments ? sum_parts(ctx, blocks, 1) : parts_of_threads(threads, blocks);
  if (moments) moments->begin(parts);
  parallel_parts(threads, parts, blocks, [&](int thread, int part, std::int64_t begin, std::int64_t end) {
    BlockOfTiles block(p, tiles, weights, memory + thread * each);
    for (std::int64_t i = begin; i < end; ++i)
      block.run(i * tiles, std::min(p.tiles.count(), (i + 1) * tiles), moments, part);
  });
}

void convolve(ExecContext& ctx, int m, const ConvCall& call) {
  const WinogradProblem p = winograd_problem(m, call);
  const bool fixed = call.moments && thread_invariant();  // moments are sums of the blocks'
  const std::int64_t tiles = block_tiles(p, fixed ? kFixedParts : ctx.threads());
  const std::int64_t blocks = (p.tiles.count() + tiles - 1) / tiles;
  const int threads = thread_count(ctx.threads(), blocks, 1);
  const std::int64_t stride = winograd_weight_stride(p.c, p.k), packed = p.tiles.positions() * stride;
  const std::int64_t each = BlockOfTiles::floats(p, tiles);
  const auto pack = [&](void* to) { pack_winograd_weights(ctx.threads(), m, p.w, p.turned, static_cast<float*>(to)); };
  const auto bytes = [](std::int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); };
  const bool keep = keeps_weights(call);
  auto* memory = static_cast<float*>(ctx.scratch(bytes(threads * each + (keep ? 0 : packed))));
  float* u = memory + threads * each;
  if (keep)
    u = static_cast<float*>(PackedWeights::of(p.w, {&kForm, m}, bytes(packed), pack));
  else
    pack(u);
  run_blocks(ctx, p, {u, stride}, tiles, threads, memory, call.moments);
}

/// The products in 16-bit numbers; the transforms as ever.
void convolve_int16(ExecContext& ctx, int m, const ConvCall& call) {
  const WinogradProblem p = winograd_problem(m, call);
  const std::int64_t tiles = block_tiles(p, ctx.threads()), blocks = (p.tiles.count() + tiles - 1) / tiles;
  const int threads = thread_count(ctx.threads(), blocks, 1);
  const std::int64_t stride = winograd_int16_stride(p.c, p.k);
  const auto pack = [&](void* to) { pack_winograd_int16(ctx.threads(), m, p.w, static_cast<std::byte*>(to)); };
  void* packed = PackedWeights::of(p.w, {&kForm, -m}, static_cast<std::size_t>(p.tiles.positions() * stride), pack);
  const auto floats = static_cast<std::size_t>(threads * BlockOfTiles::floats(p, tiles));
  auto* memory = static_cast<float*>(ctx.scratch(floats * sizeof(float)));
  run_blocks(ctx, p, {nullptr, 0, static_cast<std::byte*>(packed), stride}, tiles, threads, memory, nullptr);
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
  const WinogradTiles& t = winograd_problem(m, call).tiles;
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

template <int M>
void run_int16(ExecContext& ctx, const ConvCall& call) {
  convolve_int16(ctx, M, call);
}

/// Rounding a tile's few channels takes as long as whole numbers save. Measured: 64 channels 0.8-1, 128: 1.3 (Zen 3).
template <int M>
const char* unfit_int16(const ConvCall& call) {
  return call.x.dims[1] < 128 ? "few channels" : unfit<M>(call);
}

const char* refuses_int16(const ConvCall& c) { return !keeps_weights(c) ? "inference only" : refuses(c); }

}  // namespace

const ConvImplementation kWinograd4{.name = "winograd-4x4", .refuses = &refuses, .unfit = &unfit<4>, .run = &run<4>};
const ConvImplementation kWinograd2{.name = "winograd-2x2", .refuses = &refuses, .unfit = &unfit<2>, .run = &run<2>};
const ConvImplementation kInt16Winograd4{.name = "int16-winograd-4x4",
                                         .refuses = &refuses_int16,
                                         .unfit = &unfit_int16<4>,
                                         .run = &run_int16<4>,
                                         .precision = Precision::Int16};
const ConvImplementation kInt16Winograd2{.name = "int16-winograd-2x2",
                                         .refuses = &refuses_int16,
                                         .unfit = &unfit_int16<2>,
                                         .run = &run_int16<2>,
                                         .precision = Precision::Int16};

}  // namespace fledge::cpu
