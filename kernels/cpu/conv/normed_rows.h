// Rows of z = act((x - mean) scale + beta), a few at a time, for kernels that read z and write it nowhere.
#pragma once
#include "kernels/cpu/isa.h"
#include "kernels/cpu/norm_passes.h"

namespace fledge::cpu {

class NormedRows {
 public:
  /// scale, beta, mean: m.width() floats each.
  NormedRows(const Columns& m, const TensorView& x, const float* scale, const float* beta, const float* mean,
             const Bounds& bounds)
      : m_(m), args_{x.as<float>(), nullptr, nullptr, mean, scale, beta, bounds.lo, bounds.hi} {}

  /// `to`: dense.
  void copy(std::int64_t first, std::int64_t rows, float* to) const {
    NormApplyArgs a = args_;
    a.x += first * m_.c;
    a.y = to;
    m_.over(rows,
            [&](std::int64_t begin, std::int64_t end, std::int64_t width) { simd().norm_apply(a, begin, end, width); });
  }

 private:
  Columns m_;
  NormApplyArgs args_;
};

}  // namespace fledge::cpu
