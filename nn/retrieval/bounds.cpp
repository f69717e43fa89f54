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

Slack float32_slack(std::int64_t d) { return {distance_slack(d), underflow_slack(d)}; }

Slack quantized_slack(std::int64_t d, double error) {
  constexpr double kRoundings = 4.0 / (1 << 24);
  return {up(2 * error + error * error + kRoundings * (1 + error) * (1 + error) + distance_slack(0)),
          underflow_slack(d)};
}

float query_strict(float square, double limit, const Slack& slack) {
  return up((square * (1.0 + slack.share) - limit) / 2 + kUnit * (square + limit));
}
float query_loose(float square, double limit, const Slack& slack) {
  return down((square * (1.0 - slack.share) - limit) / 2 - kUnit * (square + limit));
}
float item_strict(float square, const Slack& slack) {
  return up(square * (1.0 + slack.share) / 2 + kUnit * square + slack.least);
}
float item_loose(float square, const Slack& slack) {
  return down(square * (1.0 - slack.share) / 2 - kUnit * square - slack.least);
}

}  // namespace fledge
