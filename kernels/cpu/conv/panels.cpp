#include "kernels/cpu/conv/panels.h"

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {

std::int64_t whole_panels(std::int64_t channels) {
  const std::int64_t panel = simd().product_panel;
  return (channels + panel - 1) / panel * panel;
}

std::int64_t panel_floats(const TensorView& w) { return whole_panels(w.dims[0]) * (w.numel() / w.dims[0]); }

void pack_panels(const TensorView& w, float* to, int threads) {
  const std::int64_t outputs = w.dims[0], depth = w.numel() / outputs, panel = simd().product_panel;
  const auto pack = [&](std::int64_t first) {
    float* rows = to + first * depth;
    for (std::int64_t o = 0; o < panel; ++o)
      for (std::int64_t i = 0; i < depth; ++i)
        rows[i * panel + o] = first + o < outputs ? w.as<float>()[(first + o) * depth + i] : 0;
  };
  parallel_for(threads, whole_panels(outputs) / panel, row_grain(depth * panel),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) pack(i * panel);
               });
}

}  // namespace fledge::cpu
