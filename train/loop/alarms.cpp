#include "train/loop/alarms.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "nn/metrics/spread.h"

namespace fledge {
namespace {

/// NaN when the loss has no such number.
double number_of(const std::vector<std::pair<std::string, double>>& numbers, const std::string& name) {
  for (const auto& [key, value] : numbers)
    if (key == name) return value;
  return NAN;
}

double mean_of(const std::deque<double>& window) {
  double sum = 0;
  for (const double v : window) sum += v;
  return sum / static_cast<double>(window.size());
}

/// Is the later half of the window a tenth above the earlier one?
bool rises(const std::deque<double>& window) {
  const auto middle = window.begin() + static_cast<std::ptrdiff_t>(window.size() / 2);
  const std::deque<double> earlier(window.begin(), middle), later(middle, window.end());
  return !earlier.empty() && mean_of(later) > 1.1 * mean_of(earlier);
}

[[noreturn]] void no_state(const char* alarm) {
  throw Error(ErrorKind::BadInput, alarm, "these numbers are not the state of an alarm", "");
}

// {raised, the window}: what the two alarms on one number remember.
std::vector<double> window_state(bool raised, const std::deque<double>& window) {
  std::vector<double> numbers{raised ? 1.0 : 0.0};
  numbers.insert(numbers.end(), window.begin(), window.end());
  return numbers;
}

std::deque<double> window_from(const std::vector<double>& numbers, int most, const char* alarm) {
  if (numbers.empty() || numbers.size() - 1 > static_cast<std::size_t>(most)) no_state(alarm);
  return {numbers.begin() + 1, numbers.end()};
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

std::vector<double> CollapseAlarm::state() const {
  std::vector<double> numbers{raised_ ? 1.0 : 0.0, highest_negative_, static_cast<double>(at_margin_)};
  for (const Step& s : window_) numbers.insert(numbers.end(), {s.active, s.positive, s.negative});
  return numbers;
}

void CollapseAlarm::set_state(const std::vector<double>& numbers) {
  if (numbers.size() < 3 || numbers.size() % 3 != 0 ||
      numbers.size() / 3 - 1 > static_cast<std::size_t>(options_.window))
    no_state("collapse alarm");
  if (!(numbers[2] >= 0 && numbers[2] < 9e15)) no_state("collapse alarm");
  raised_ = numbers[0] != 0;
  highest_negative_ = numbers[1];
  at_margin_ = static_cast<std::int64_t>(numbers[2]);
  window_.clear();
  for (std::size_t i = 3; i < numbers.size(); i += 3) window_.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
}

DeadLossAlarm::DeadLossAlarm(const DeadLossOptions& options) : options_(options) {
  if (options.window < 1 || !(options.least > 0 && options.least < 1))
    throw Error(ErrorKind::Usage, "dead loss alarm",
                "window is " + std::to_string(options.window) + " and least " + std::to_string(options.least),
                "the window is at least 1, least lies between 0 and 1");
}

std::string DeadLossAlarm::observe(const std::vector<std::pair<std::string, double>>& numbers) {
  const double active = number_of(numbers, "active");
  if (raised_ || !std::isfinite(active)) return "";
  window_.push_back(active);
  if (static_cast<int>(window_.size()) > options_.window) window_.pop_front();
  const double mean = mean_of(window_);
  if (static_cast<int>(window_.size()) < options_.window || mean >= options_.least) return "";
  raised_ = true;
  std::ostringstream text;
  text.precision(3);
  text << "no triplet or pair is active any more: over the last " << options_.window << " steps " << 100 * mean
       << "% broke the margin; the loss has nothing left to teach. Stop here, or make it harder: a larger --margin, a "
          "loss that mines hard examples, more classes in a batch, stronger --augment";
  return text.str();
}

std::vector<double> DeadLossAlarm::state() const { return window_state(raised_, window_); }

void DeadLossAlarm::set_state(const std::vector<double>& numbers) {
  window_ = window_from(numbers, options_.window, "dead loss alarm");
  raised_ = numbers[0] != 0;
}

double batch_rank(const Tensor& embedding) { return embedding_rank(embedding).effective; }

RankAlarm::RankAlarm(const RankAlarmOptions& options) : options_(options) {
  if (options.window < 1 || options.least < 0 || !(options.least_share >= 0 && options.least_share < 1))
    throw Error(ErrorKind::Usage, "rank alarm",
                "window is " + std::to_string(options.window) + ", least " + std::to_string(options.least) +
                    " and least_share " + std::to_string(options.least_share),
                "the window is at least 1, least not negative, least_share in 0-1");
}

std::string RankAlarm::observe(double rank, std::int64_t batch, std::int64_t dimensions) {
  const auto most = static_cast<double>(std::min(batch - 1, dimensions));
  const double least = std::max(options_.least, options_.least_share * most);
  if (raised_ || !std::isfinite(rank) || most <= 2 * least) return "";
  window_.push_back(rank);
  if (static_cast<int>(window_.size()) > options_.window) window_.pop_front();
  const double mean = mean_of(window_);
  if (static_cast<int>(window_.size()) < options_.window || mean >= least || rises(window_)) return "";
  raised_ = true;
  std::ostringstream text;
  text.precision(3);
  text << "the embedding uses few directions: over the last " << options_.window << " batches its effective rank was "
       << mean << " of " << most << " possible; pictures differ along "
       << (mean < 1.5 ? "one direction only" : "very few directions only")
       << ". Go back to an earlier checkpoint and lower --lr, or add a loss that pushes all classes apart "
          "(--loss cosine-softmax)";
  return text.str();
}

std::vector<double> RankAlarm::state() const { return window_state(raised_, window_); }

void RankAlarm::set_state(const std::vector<double>& numbers) {
  window_ = window_from(numbers, options_.window, "rank alarm");
  raised_ = numbers[0] != 0;
}

}  // namespace fledge
