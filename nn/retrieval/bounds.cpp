#include "nn/retrieval/bounds.h"

#include <cfloat>
#include <cmath>

namespace fledge {
namespace {

// Roundings of the limits themselves and of the one addition: half-ulps of the largest term.
constexpr double kUnit = 8.0 / (1 << 24);

float up(double v) { return std::nextafter(static_cast<float>(v), INFINITY); }
float down(double v) { return std::nextafter(static_cast<float>(v), -INFINITY); }

}  // namespace

float distance_slack(std::int64_t d) {
  constexpr double kHalfUlp = 1.0 / (1 << 24);
  return static_cast<float>(2 * (0.5 * static_cast<double>(d) + 16) * kHalfUlp * 1.01);
}

float underflow_slack(std::int64_t d) { return 4 * FLT_MIN * static_cast<float>(d + 1); }

float query_strict(float square, double limit, std::int64_t d) {
  return up((square * (1.0 + distance_slack(d)) - limit) / 2 + kUnit * (square + limit));
}
float query_loose(float square, double limit, std::int64_t d) {
  return down((square * (1.0 - distance_slack(d)) - limit) / 2 - kUnit * (square + limit));
}
float item_strict(float square, std::int64_t d) {
  return up(square * (1.0 + distance_slack(d)) / 2 + kUnit * square + underflow_slack(d));
}
float item_loose(float square, std::int64_t d) {
  return down(square * (1.0 - distance_slack(d)) / 2 - kUnit * square - underflow_slack(d));
}

}  // namespace fledge
