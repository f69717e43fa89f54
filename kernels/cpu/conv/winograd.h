// The parts of Winograd's convolution (kernels/cpu/conv/README.md): A. Lavin, S. Gray, "Fast Algorithms for
// Convolutional Neural Networks", CVPR 2016, F(m x m, 3 x 3).
#pragma once
#include "kernels/cpu/conv/implementation.h"

namespace fledge::cpu {

inline constexpr int kMostPositions = 36;
/// Floats by which positions lie further apart than they need, so that they fall on different cache sets.
inline constexpr std::int64_t kLine = 16;

/// The weights of one call at the (m + 2)^2 positions, as SimdTable::product wants them: panels of product_panel output
/// channels, each `inputs` rows of a panel, zeros behind the last channel.
struct WinogradWeights {
  const float* positions;
  std::int64_t position_stride;
  std::byte* int16 = nullptr;  // instead of them: QuantizedPanels of each position, `int16_stride` bytes apart
  std::int64_t int16_stride = 0;
};
/// Floats between positions of the weights of `inputs` x `outputs` channels.
std::int64_t winograd_weight_stride(std::int64_t inputs, std::int64_t outputs);
/// Makes them from w: K,3,3,C dense. Turned: for the gradient of the input, whose outputs are C and inputs K, with taps
/// turned by 180 degrees.
void pack_winograd_weights(int threads, int m, const TensorView& w, bool turned, float* positions);

/// Bytes between positions of weights in 16-bit numbers, and the making of them from w: K,3,3,C dense.
std::int64_t winograd_int16_stride(std::int64_t inputs, std::int64_t outputs);
void pack_winograd_int16(int threads, int m, const TensorView& w, std::byte* positions);

/// dw of a call in the direction GradWeight. False: something is not finite, and dw is to be computed otherwise.
bool winograd_grad_weight(ExecContext& ctx, int m, const ConvCall& call);

}  // namespace fledge::cpu
