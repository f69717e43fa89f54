#include "kernels/cpu/conv/panels.h"

#include "kernels/cpu/isa.h"

namespace fledge::cpu {

std::int64_t whole_panels(std::int64_t channels) {
  const std::int64_t panel = simd().product_panel;
  return (channels + panel - 1) / panel * panel;
}

std::int64_t panel_floats(const TensorView& w) { return whole_panels(w.dims[0]) * (w.numel() / w.dims[0]); }

void pack_panels(const TensorView& w, float* to) {
  const std::int64_t outputs = w.dims[0], depth = w.numel() / outputs, panel = simd().product_panel;
  for (std::int64_t first = 0; first < outputs; first += panel, to += depth * panel)
    for (std::int64_t o = 0; o < panel; ++o)
      for (std::int64_t i = 0; i < depth; ++i)
        to[i * panel + o] = first + o < outputs ? w.as<float>()[(first + o) * depth + i] : 0;
}

}  // namespace fledge::cpu
