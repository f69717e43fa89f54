#include "tests/support/class_folders.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "io/image/image.h"

namespace fledge::test {

void make_pictures(const std::string& folder, int classes, int per_class, int side, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return static_cast<double>(random() >> 8) / (1 << 24); };
  for (int c = 0; c < classes; ++c) {
    const std::string name = folder + "/class" + std::to_string(c);
    std::filesystem::create_directories(name);
    const double fx = 0.15 + 0.5 * uniform(), fy = 0.15 + 0.5 * uniform(), color = 6.28 * uniform();
    for (int i = 0; i < per_class; ++i) {
      Image image{side, side, {}};
      const double phase = uniform();
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
          for (int k = 0; k < 3; ++k) {
            const double v = 128 + 60 * std::sin(fx * x + phase) * std::cos(fy * y - phase) +
                             40 * std::sin(color + 2.1 * k) + 20 * (uniform() - 0.5);
            image.rgb.push_back(static_cast<std::uint8_t>(std::clamp(v, 0.0, 255.0)));
          }
      write_png(name + "/" + std::to_string(i) + ".png", image);
    }
  }
}

}  // namespace fledge::test
