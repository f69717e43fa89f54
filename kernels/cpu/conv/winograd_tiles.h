// How Winograd's convolution divides pictures into tiles of m x m outputs, each found from (m + 2) x (m + 2) inputs.
#pragma once
#include <algorithm>
#include <cstdint>

namespace fledge::cpu {

/// The tiles of N pictures H x W (channels-last) whose convolution with 3 x 3 taps, stride 1, is P x Q. The last row
/// and column of tiles may reach beyond the outputs.
struct WinogradTiles {
  int m;
  std::int64_t n, h, w, p, q;
  int pad_top, pad_left;

  int side() const { return m + 2; }
  int positions() const { return side() * side(); }
  std::int64_t rows() const { return (p + m - 1) / m; }
  std::int64_t columns() const { return (q + m - 1) / m; }
  std::int64_t count() const { return n * rows() * columns(); }

  struct Place {
    std::int64_t picture, top, left;  // of the first output
  };
  Place place(std::int64_t tile) const {
    const std::int64_t column = tile % columns(), row = tile / columns() % rows();
    return {tile / (columns() * rows()), row * m, column * m};
  }

  /// side^2 pixels of c floats of the input; `zeros` where one lies outside.
  void inputs(const Place& at, const float* x, std::int64_t c, const float* zeros, const float** pixels) const {
    const float* picture = x + at.picture * h * w * c;
    for (int i = 0; i < side(); ++i)
      for (int j = 0; j < side(); ++j) {
        const std::int64_t row = at.top - pad_top + i, column = at.left - pad_left + j;
        const bool inside = row >= 0 && row < h && column >= 0 && column < w;
        pixels[i * side() + j] = inside ? picture + (row * w + column) * c : zeros;
      }
  }
  /// m^2 pixels of k floats of the output; `outside` where one lies outside.
  template <class Float>
  void outputs(const Place& at, Float* y, std::int64_t k, Float* outside, Float** pixels) const {
    Float* picture = y + at.picture * p * q * k;
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j) {
        const std::int64_t row = at.top + i, column = at.left + j;
        pixels[i * m + j] = row < p && column < q ? picture + (row * q + column) * k : outside;
      }
  }
};

}  // namespace fledge::cpu
