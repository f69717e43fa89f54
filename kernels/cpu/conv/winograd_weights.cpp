// Weights at the positions of Winograd's tiles: U = G g G^T.
#include <algorithm>
#include <vector>

#include "kernels/cpu/allocator.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/quantized_panels.h"
#include "kernels/cpu/conv/winograd.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/turn.h"

namespace fledge::cpu {
namespace {

/// to[tap][input][panel] from the taps of the `width` outputs from `first` on; zeros behind them. Inputs and outputs
/// are multiples of 16 (winograd.cpp).
void gather_panel(const TensorView& w, std::int64_t first, std::int64_t width, float* to) {
  const std::int64_t inputs = w.dims[1], panel = simd().product_panel;
  if (width < panel) std::fill(to, to + 9 * inputs * panel, 0.0f);
  for (std::int64_t tap = 0; tap < 9; ++tap, to += inputs * panel) {
    const float* from = w.as<float>() + (first * 9 + tap) * inputs;
    for (std::int64_t i = 0; i < inputs; i += 4)
      for (std::int64_t o = 0; o < width; o += 4)
        turn_4x4(from + o * 9 * inputs + i, 9 * inputs, to + i * panel + o, panel);
  }
}

void pack_panel(int m, const TensorView& w, std::int64_t first, std::int64_t width, const WinogradWeightArgs& to) {
  const std::int64_t inputs = w.dims[1], size = inputs * simd().product_panel;
  thread_local std::vector<float> taps;
  if (taps.size() < static_cast<std::size_t>(9 * size)) taps.resize(static_cast<std::size_t>(9 * size));
  gather_panel(w, first, width, taps.data());
  const float* at[9];
  for (int tap = 0; tap < 9; ++tap) at[tap] = taps.data() + tap * size;
  simd().winograd_weight({m, at, to.positions, to.position_stride, size});
}

/// Inputs of w are the outputs here, and lie side by side already.
void pack_turned_panel(int m, const TensorView& w, std::int64_t first, std::int64_t width,
                       const WinogradWeightArgs& to) {
  const std::int64_t inputs = w.dims[0], outputs = w.dims[1], panel = simd().product_panel;
  for (std::int64_t i = 0; i < inputs; ++i) {
    const float* at[9];
    for (int tap = 0; tap < 9; ++tap) at[tap] = w.as<float>() + (i * 9 + 8 - tap) * outputs + first;
    float* row = to.positions + i * panel;
    simd().winograd_weight({m, at, row, to.position_stride, width});
    if (width < panel)
      for (int position = 0; position < (m + 2) * (m + 2); ++position)
        std::fill(row + position * to.position_stride + width, row + position * to.position_stride + panel, 0.0f);
  }
}

}  // namespace

std::int64_t winograd_weight_stride(std::int64_t inputs, std::int64_t outputs) {
  return inputs * whole_panels(outputs) + kLine;
}

void pack_winograd_weights(int threads, int m, const TensorView& w, bool turned, float* positions) {
  const std::int64_t inputs = w.dims[turned ? 0 : 1], outputs = w.dims[turned ? 1 : 0], panel = simd().product_panel;
  const std::int64_t panels = whole_panels(outputs) / panel, size = inputs * panel;
  parallel_for(threads, panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const WinogradWeightArgs to{m, nullptr, positions + i * size, winograd_weight_stride(inputs, outputs), 0};
      (turned ? pack_turned_panel : pack_panel)(m, w, i * panel, std::min(panel, outputs - i * panel), to);
    }
  });
}

std::int64_t winograd_int16_stride(std::int64_t inputs, std::int64_t outputs) {
  return static_cast<std::int64_t>(QuantizedPanels::bytes(Numbers::Int16, inputs, outputs)) + kLine * 4;
}

/// Through float32 panels, whose columns become rows.
void pack_winograd_int16(int threads, int m, const TensorView& w, std::byte* positions) {
  const std::int64_t inputs = w.dims[1], outputs = w.dims[0], panel = simd().product_panel;
  const std::int64_t stride = winograd_weight_stride(inputs, outputs), panels = whole_panels(outputs) / panel;
  const int count = (m + 2) * (m + 2);
  const Lent memory(static_cast<std::size_t>(count * stride) * sizeof(float));
  const auto* floats = static_cast<const float*>(memory.data);
  pack_winograd_weights(threads, m, w, false, static_cast<float*>(memory.data));
  parallel_for(threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> rows(static_cast<std::size_t>(inputs * panel));
    for (std::int64_t i = begin; i < end; ++i) {
      const QuantizedPanels to(Numbers::Int16, positions + i * winograd_int16_stride(inputs, outputs), inputs, outputs);
      for (std::int64_t p = 0; p < panels; ++p) {
        const float* from = floats + i * stride + p * inputs * panel;
        for (std::int64_t c = 0; c < inputs; ++c)
          for (std::int64_t o = 0; o < panel; ++o) rows[static_cast<std::size_t>(o * inputs + c)] = from[c * panel + o];
        to.fill(p * panel, [&](std::int64_t o) { return rows.data() + o * inputs; });
      }
    }
  });
}

}  // namespace fledge::cpu
