#include "data/views/crop_sampling.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fledge {
namespace {

constexpr int kAttempts = 10;

PixelBox place(int w, int h, int width, int height, Generator& g) {
  const int top = static_cast<int>(g.below(height - h + 1));
  const int left = static_cast<int>(g.below(width - w + 1));
  return {left, top, w, h};
}

PixelBox centered(int w, int h, int width, int height) {
  w = std::clamp(w, 1, width);
  h = std::clamp(h, 1, height);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

/// Aspect log-uniform, Python 3 rounding; fallback: the largest centred box whose aspect is in the range.
PixelBox sample_modern(const TrainTransform& t, int width, int height, Generator& g) {
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * g.uniform(t.area_low, t.area_high);
    const double aspect = std::exp(g.uniform(std::log(t.aspect_low), std::log(t.aspect_high)));
    const int w = static_cast<int>(std::nearbyint(std::sqrt(target * aspect)));
    const int h = static_cast<int>(std::nearbyint(std::sqrt(target / aspect)));
    if (w > 0 && w <= width && h > 0 && h <= height) return place(w, h, width, height, g);
  }
  const double ratio = static_cast<double>(width) / height;
  if (ratio < t.aspect_low)
    return centered(width, static_cast<int>(std::nearbyint(width / t.aspect_low)), width, height);
  if (ratio > t.aspect_high)
    return centered(static_cast<int>(std::nearbyint(height * t.aspect_high)), height, width, height);
  return centered(width, height, width, height);
}

/// Aspect uniform, sides swapped with p = 0.5, Python 2 rounding; fallback: the centred square.
PixelBox sample_paper(const TrainTransform& t, int width, int height, Generator& g) {
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * g.uniform(t.area_low, t.area_high);
    const double aspect = g.uniform(t.aspect_low, t.aspect_high);
    int w = static_cast<int>(std::round(std::sqrt(target * aspect)));
    int h = static_cast<int>(std::round(std::sqrt(target / aspect)));
    if (g.uniform() < 0.5) std::swap(w, h);
    if (w > 0 && w <= width && h > 0 && h <= height) return place(w, h, width, height, g);
  }
  const int side = std::min(width, height);
  return centered(side, side, width, height);
}

}  // namespace

PixelBox sample_crop(const TrainTransform& t, int width, int height, Generator& g) {
  return t.sampling == CropSampling::Paper ? sample_paper(t, width, height, g) : sample_modern(t, width, height, g);
}

}  // namespace fledge
