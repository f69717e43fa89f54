#include "io/image/resize/coefficients.h"

#include <algorithm>
#include <cmath>

namespace fledge {
namespace {

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

}  // namespace

void ResizeCoefficients::fill(int in_size, float from, float to, int out_size, int first_out, int outs) {
  // The difference is taken in float and widened, the centre is computed in
  // double: Pillow's order, needed for equal bytes.
  const double scale = static_cast<double>(to - from) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter_scale;  // the triangle's own support is 1
  const double inverse = 1.0 / filter_scale;
  taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  first.resize(outs);
  count.resize(outs);
  weights.assign(static_cast<std::size_t>(outs) * taps, 0);
  real_.resize(taps);
  for (int o = 0; o < outs; ++o) {
    const double center = from + (first_out + o + 0.5) * scale;
    const int low = std::max(static_cast<int>(center - support + 0.5), 0);
    const int n = std::min(static_cast<int>(center + support + 0.5), in_size) - low;
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += real_[i] = triangle((i + low - center + 0.5) * inverse);
    std::int32_t* w = weights.data() + static_cast<std::size_t>(o) * taps;
    for (int i = 0; i < n; ++i) {
      const double value = sum != 0.0 ? real_[i] / sum : real_[i];
      w[i] = static_cast<std::int32_t>(0.5 + value * (1 << kResizePrecision));
    }
    first[o] = low;
    count[o] = n;
  }
}

void ResizeCoefficients::shift(int by) {
  for (std::int32_t& f : first) f += by;
}

void ResizeCoefficients::mirror() {
  std::reverse(first.begin(), first.end());
  std::reverse(count.begin(), count.end());
  for (std::size_t a = 0, b = first.size() - 1; a < b; ++a, --b)
    std::swap_ranges(weights.begin() + a * taps, weights.begin() + (a + 1) * taps, weights.begin() + b * taps);
}

void ResizeCoefficients::pair() {
  const int most = *std::max_element(count.begin(), count.end());
  pairs = (most + 1) / 2;
  halves.assign(first.size() * pairs * 2, 0);
  for (std::size_t o = 0; o < first.size(); ++o)
    for (int i = 0; i < count[o]; ++i) {
      const std::int32_t w = weights[o * taps + i];
      std::int32_t* pair = halves.data() + (o * pairs + i / 2) * 2;
      pair[0] |= (w & ((1 << kLowBits) - 1)) << 16 * (i % 2);
      pair[1] |= (w >> kLowBits) << 16 * (i % 2);
    }
}

}  // namespace fledge
