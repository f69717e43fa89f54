#include "nn/losses/collapse.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "kernels/api/error.h"

namespace fledge {
namespace {

/// NaN when the loss has no such number.
double number_of(const std::vector<std::pair<std::string, double>>& numbers, const std::string& name) {
  for (const auto& [key, value] : numbers)
    if (key == name) return value;
  return NAN;
}

const char* const kWayOut =
    "; the embedding no longer tells pictures apart. Stop, go back to an earlier checkpoint and lower --lr, or use "
    "every triplet "
    "(--loss triplet) instead of the hardest";

}  // namespace

CollapseAlarm::CollapseAlarm(const CollapseOptions& options) : options_(options) {
  if (options.window < 1 || options.stuck_windows < 1)
    throw Error(
        ErrorKind::Usage, "collapse alarm",
        "window is " + std::to_string(options.window) + " and stuck_windows " + std::to_string(options.stuck_windows),
        "both must be at least 1");
}

std::string CollapseAlarm::observe(const std::vector<std::pair<std::string, double>>& numbers) {
  const double positive = number_of(numbers, "mean_positive"), negative = number_of(numbers, "mean_negative");
  if (raised_ || !std::isfinite(positive) || !std::isfinite(negative)) return "";
  const double active = number_of(numbers, "active");
  window_.push_back({std::isfinite(active) ? active : 0, positive, negative});
  if (static_cast<int>(window_.size()) > options_.window) window_.pop_front();
  if (static_cast<int>(window_.size()) < options_.window) {
    // What an early collapse is measured against: the start counts before the first window is full.
    highest_negative_ = std::max(highest_negative_, window_mean().negative);
    return "";
  }
  const std::string message = judge(window_mean());
  raised_ = !message.empty();
  return message;
}

CollapseAlarm::Step CollapseAlarm::window_mean() const {
  Step mean{0, 0, 0};
  for (const Step& s : window_) {
    mean.active += s.active;
    mean.positive += s.positive;
    mean.negative += s.negative;
  }
  const double n = static_cast<double>(window_.size());
  return {mean.active / n, mean.positive / n, mean.negative / n};
}

std::string CollapseAlarm::judge(const Step& mean) {
  highest_negative_ = std::max(highest_negative_, mean.negative);
  const bool at_margin =
      options_.margin > 0 && mean.active > 0.99 && std::abs(mean.positive - mean.negative) < options_.margin / 10;
  at_margin_ = at_margin ? at_margin_ + 1 : 0;
  std::ostringstream text;
  text.precision(3);
  text << "the embedding has collapsed: over the last " << options_.window << " steps ";
  if (mean.positive < options_.tiny && mean.negative < options_.tiny) {
    text << "pictures of the same class lie " << mean.positive << " apart and of different classes " << mean.negative;
  } else if (at_margin && (mean.negative < highest_negative_ / 2 ||
                           at_margin_ >= std::int64_t{options_.stuck_windows} * options_.window)) {
    text << "the loss sits at its margin of " << options_.margin << " with " << 100 * mean.active
         << "% active, as same-class and other-class distances are equal (" << mean.positive << " and " << mean.negative
         << ", once " << highest_negative_ << ")";
  } else {
    return "";
  }
  return text.str() + kWayOut;
}

}  // namespace fledge
