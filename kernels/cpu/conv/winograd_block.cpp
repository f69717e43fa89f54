#include "kernels/cpu/conv/winograd_block.h"

#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/quantized_panels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/moments.h"

namespace fledge::cpu {

WinogradProblem winograd_problem(int m, const ConvCall& call) {
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

/// A vector of outputs of a tile is not finite: by the plain formula, which has NaN and infinity where they belong.
static void plain_outputs(const WinogradProblem& p, const WinogradTiles::Place& at, std::int64_t first,
                          std::int64_t lanes) {
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
static void add_moments(OutputMoments& moments, int part, const WinogradProblem& p, std::int64_t first,
                        std::int64_t last) {
  const WinogradTiles& t = p.tiles;
  const WinogradTiles::Place at = t.place(first);
  const std::int64_t rows = std::min<std::int64_t>(t.m, t.p - at.top);
  const std::int64_t width = std::min(t.q, at.left + (last - first) * t.m) - at.left;
  const float* y = p.y.as<float>() + ((at.picture * t.p + at.top) * t.q + at.left) * p.k;
  if (width == t.q) return moments.add(part, y, rows * width);
  for (std::int64_t i = 0; i < rows; ++i) moments.add(part, y + i * t.q * p.k, width);
}

BlockOfTiles::BlockOfTiles(const WinogradProblem& problem, std::int64_t tiles, const WinogradWeights& weights,
                           float* memory)
    : p_(problem),
      weights_(weights),
      columns_(whole_panels(problem.k)),
      input_stride_(tiles * problem.c + kLine),
      output_stride_(tiles * columns_ + kLine),
      inputs_(memory),
      outputs_(memory + problem.tiles.positions() * input_stride_),
      zeros_(static_cast<std::size_t>(std::max(problem.c, problem.k)), 0.0f),
      outside_(static_cast<std::size_t>(problem.k)),
      scales_(static_cast<std::size_t>(tiles)),
      left_(static_cast<std::size_t>(problem.k)) {}

std::int64_t BlockOfTiles::floats(const WinogradProblem& p, std::int64_t tiles) {
  return p.tiles.positions() * (tiles * (p.c + whole_panels(p.k)) + 2 * kLine);
}

void BlockOfTiles::run(std::int64_t first, std::int64_t last, OutputMoments* moments, int part) {
  transform_inputs(first, last);
  multiply(last - first);
  const std::int64_t columns = p_.tiles.columns();
  for (std::int64_t from = first, to; from < last; from = to) {
    to = moments ? std::min(last, (from / columns + 1) * columns) : last;
    transform_outputs(first, from, to);
    if (moments) add_moments(*moments, part, p_, from, to);
  }
}

void BlockOfTiles::transform_inputs(std::int64_t first, std::int64_t last) const {
  const float* pixels[kMostPositions];
  for (std::int64_t tile = first; tile < last; ++tile) {
    p_.tiles.inputs(p_.tiles.place(tile), p_.x.as<float>(), p_.c, zeros_.data(), pixels);
    simd().winograd_input({p_.tiles.m, pixels, inputs_ + (tile - first) * p_.c, input_stride_, p_.c});
  }
}

void BlockOfTiles::multiply(std::int64_t tiles) {
  if (weights_.int16) return multiply_int16(tiles);
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

/// A tile's channels at a position are rounded to a unit of their own. Their numbers are written over them.
void BlockOfTiles::multiply_int16(std::int64_t tiles) {
  const std::int64_t panel = simd().quantized_panel;
  for (int i = 0; i < p_.tiles.positions(); ++i) {
    float* inputs = inputs_ + i * input_stride_;
    auto* numbers = reinterpret_cast<std::int16_t*>(inputs);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const float* row = inputs + tile * p_.c;
      scales_[static_cast<std::size_t>(tile)] = simd().quantize(&row, 1, p_.c, numbers + tile * p_.c);
    }
    const QuantizedPanels weights(Numbers::Int16, weights_.int16 + i * weights_.int16_stride, p_.c, p_.k);
    for (std::int64_t k = 0; k < columns_; k += panel)
      simd().quantized_product({.x = reinterpret_cast<const std::int32_t*>(inputs),
                                .w = weights.codes + k * (p_.c / 2),
                                .y = outputs_ + i * output_stride_ + k,
                                .x_scale = scales_.data(),
                                .w_scale = weights.units + k,
                                .ldy = columns_,
                                .rows = tiles,
                                .depth = p_.c / 2,
                                .columns = panel});
  }
}

void BlockOfTiles::transform_outputs(std::int64_t first, std::int64_t begin, std::int64_t end) {
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
    for (std::int64_t i = 0; i < vectors; ++i) plain_outputs(p_, at, left_[static_cast<std::size_t>(i)], simd().lanes);
  }
}

}  // namespace fledge::cpu
