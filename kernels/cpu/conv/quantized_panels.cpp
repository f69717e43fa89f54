#include "kernels/cpu/conv/quantized_panels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

using Bytes = std::vector<unsigned char>;

// The numbers of one output, side by side. Result: what a unit of them is worth; NaN where one is not finite.

float quantize16(const float* from, std::int64_t depth, Bytes& to) {
  return simd().quantize(&from, 1, depth, reinterpret_cast<std::int16_t*>(to.data()));
}

/// From -127 to 127, and their sum.
float quantize8(const float* from, std::int64_t depth, Bytes& to, std::int32_t& sum) {
  float most = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < depth; ++i) {
    finite &= std::isfinite(from[i]);
    most = std::max(most, std::abs(from[i]));
  }
  sum = 0;
  if (!finite) return std::fill(to.begin(), to.end(), static_cast<unsigned char>(0)), NAN;
  const float unit = most / 127, per_unit = most > 0 ? 127 / most : 0;
  for (std::int64_t i = 0; i < depth; ++i) {
    const auto number = static_cast<std::int8_t>(std::lrintf(from[i] * per_unit));
    to[static_cast<std::size_t>(i)] = static_cast<unsigned char>(number);
    sum += number;
  }
  return unit;
}

}  // namespace

std::int64_t whole_quantized_panels(std::int64_t outputs) {
  const std::int64_t panel = simd().quantized_panel;
  return (outputs + panel - 1) / panel * panel;
}

std::size_t QuantizedPanels::bytes(Numbers numbers, std::int64_t depth, std::int64_t outputs) {
  return static_cast<std::size_t>(whole_quantized_panels(outputs) * (depth / per_element(numbers) + 2)) * 4;
}

QuantizedPanels::QuantizedPanels(Numbers n, void* memory, std::int64_t d, std::int64_t k)
    : numbers(n),
      depth(d),
      outputs(k),
      codes(static_cast<std::int32_t*>(memory)),
      units(static_cast<float*>(memory) + whole_quantized_panels(k) * (d / per_element(n))),
      sums(reinterpret_cast<std::int32_t*>(units + whole_quantized_panels(k))) {}

void QuantizedPanels::fill(std::int64_t first, const std::function<const float*(std::int64_t)>& row) const {
  const std::int64_t panel = simd().quantized_panel, rows = depth / per_element(numbers);
  Bytes output(static_cast<std::size_t>(rows) * 4);
  for (std::int64_t o = 0; o < panel; ++o) {
    const float* from = row(o);
    sums[first + o] = 0, units[first + o] = 0;
    if (!from)
      std::fill(output.begin(), output.end(), static_cast<unsigned char>(0));
    else
      units[first + o] =
          numbers == Numbers::Int16 ? quantize16(from, depth, output) : quantize8(from, depth, output, sums[first + o]);
    for (std::int64_t i = 0; i < rows; ++i) std::memcpy(codes + first * rows + i * panel + o, output.data() + i * 4, 4);
  }
}

void quantize_panels(int threads, const TensorView& w, const QuantizedPanels& to) {
  const std::int64_t panel = simd().quantized_panel;
  parallel_for(threads, whole_quantized_panels(to.outputs) / panel, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin * panel; first < end * panel; first += panel)
      to.fill(first, [&](std::int64_t o) {
        return first + o < to.outputs ? w.as<float>() + (first + o) * to.depth : nullptr;
      });
  });
}

}  // namespace fledge::cpu
