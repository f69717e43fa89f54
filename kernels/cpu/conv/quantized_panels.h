// Weights as whole numbers (Precision::Int16, Int8), as the quantized products of SimdTable read them.
#pragma once
#include <cstddef>
#include <functional>

#include "kernels/api/tensor_view.h"

namespace fledge::cpu {

enum class Numbers { Int16, Int8 };
/// How many lie in an element of 32 bits.
constexpr std::int64_t per_element(Numbers n) { return n == Numbers::Int16 ? 2 : 4; }

/// Outputs, rounded up to panels.
std::int64_t whole_quantized_panels(std::int64_t outputs);

/// Panels of quantized_panel outputs, each depth / per_element rows of a panel; what a unit of each output's numbers is
/// worth; their sums (Int8). Zeros behind the last output. depth: a multiple of 16.
struct QuantizedPanels {
  Numbers numbers;
  std::int64_t depth, outputs;
  std::int32_t* codes;
  float* units;
  std::int32_t* sums;

  static std::size_t bytes(Numbers numbers, std::int64_t depth, std::int64_t outputs);
  QuantizedPanels(Numbers n, void* memory, std::int64_t depth, std::int64_t outputs);

  /// Fills the panel whose first output is `first`: the depth floats of output first + o are those that row(o) points
  /// at; null: there is no such output.
  void fill(std::int64_t first, const std::function<const float*(std::int64_t)>& row) const;
};

/// Of w: K outputs, each a dense run of taps and inputs.
void quantize_panels(int threads, const TensorView& w, const QuantizedPanels& to);

}  // namespace fledge::cpu
