// A block of Winograd's tiles on its way through the three steps: inputs to positions, products of the positions,
// positions to outputs with all that is fused behind.
#pragma once
#include <vector>

#include "kernels/cpu/activation_bounds.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/cpu/conv/winograd_tiles.h"

namespace fledge::cpu {

/// A convolution forward: y from x, or dx from dy with turned taps.
struct WinogradProblem {
  WinogradTiles tiles;
  const TensorView &x, &w, &y;
  bool turned;
  std::int64_t c, k;  // channels of x and of y
  const ConvEpilogue& epilogue;
  Bounds bounds;
};
WinogradProblem winograd_problem(int m, const ConvCall& call);

/// One thread's memory for a block of tiles, and the three steps.
class BlockOfTiles {
 public:
  BlockOfTiles(const WinogradProblem& problem, std::int64_t tiles, const WinogradWeights& weights, float* memory);

  static std::int64_t floats(const WinogradProblem& problem, std::int64_t tiles);

  /// Tiles [first, last), no more than it has room for. Moments, where wanted, row of tiles by row of tiles: more of
  /// them would have left the cache.
  void run(std::int64_t first, std::int64_t last, OutputMoments* moments, int part);

 private:
  void transform_inputs(std::int64_t first, std::int64_t last) const;
  void multiply(std::int64_t tiles);
  void multiply_int16(std::int64_t tiles);
  /// Tiles [begin, end) of the block that begins with `first`.
  void transform_outputs(std::int64_t first, std::int64_t begin, std::int64_t end);

  const WinogradProblem& p_;
  const WinogradWeights& weights_;
  std::int64_t columns_, input_stride_, output_stride_;
  float *inputs_, *outputs_;  // at the positions
  std::vector<float> zeros_, outside_, scales_;
  std::vector<std::int64_t> left_;
};

}  // namespace fledge::cpu
