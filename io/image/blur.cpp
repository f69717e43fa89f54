#include "io/image/blur.h"

#include <cmath>

#include "base/error.h"

namespace fledge {
namespace {

constexpr double kTruncate = 4;  // standard deviations

/// One side of the filter, from the centre outwards.
std::vector<float> half_gaussian(double sigma) {
  const int radius = static_cast<int>(kTruncate * sigma + 0.5);
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += i == 0 ? weights[0] : 2 * weights[i];
  }
  std::vector<float> out;
  for (const double w : weights) out.push_back(static_cast<float>(w / sum));
  return out;
}

/// Where position i lies after mirroring: -1 is 0, -2 is 1; n is n - 1.
int mirrored(int i, int n) {
  const int period = 2 * n;
  i = ((i % period) + period) % period;
  return i < n ? i : period - 1 - i;
}

/// Adds weight * (a + b) to out, `count` numbers.
void add_weighted(const float* a, const float* b, float weight, int count, float* out) {
  for (int x = 0; x < count; ++x) out[x] += weight * (a[x] + b[x]);
}

/// One row of `width` pixels; `padded` has room for the mirrored pixels on both sides.
void blur_row(const std::uint8_t* row, int width, const std::vector<float>& half, std::vector<float>& padded,
              float* out) {
  const int radius = static_cast<int>(half.size()) - 1, count = width * 3;
  for (int x = -radius; x < width + radius; ++x)
    for (int c = 0; c < 3; ++c) padded[(x + radius) * 3 + c] = row[mirrored(x, width) * 3 + c];
  const float* center = padded.data() + radius * 3;
  for (int x = 0; x < count; ++x) out[x] = half[0] * center[x];
  for (int i = 1; i <= radius; ++i) add_weighted(center - 3 * i, center + 3 * i, half[i], count, out);
}

}  // namespace

Image gaussian_blur(const Image& image, double sigma) {
  if (!(sigma > 0 && sigma <= 1000))
    throw Error(ErrorKind::Usage, "gaussian_blur",
                "the standard deviation " + std::to_string(sigma) + " must be above 0 and at most 1000 pixels");
  const std::vector<float> half = half_gaussian(sigma);
  const int radius = static_cast<int>(half.size()) - 1, count = image.width * 3;
  std::vector<float> padded(static_cast<std::size_t>(image.width + 2 * radius) * 3), rows(image.rgb.size());
  const auto row = [&](int y) { return rows.data() + static_cast<std::size_t>(mirrored(y, image.height)) * count; };
  for (int y = 0; y < image.height; ++y) blur_row(image.row(y), image.width, half, padded, row(y));
  Image out{image.width, image.height, std::vector<std::uint8_t>(image.rgb.size())};
  std::vector<float> sum(static_cast<std::size_t>(count));
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < count; ++x) sum[x] = half[0] * row(y)[x];
    for (int i = 1; i <= radius; ++i) add_weighted(row(y - i), row(y + i), half[i], count, sum.data());
    for (int x = 0; x < count; ++x) out.row(y)[x] = static_cast<std::uint8_t>(std::lrint(sum[x]));
  }
  return out;
}

}  // namespace fledge
