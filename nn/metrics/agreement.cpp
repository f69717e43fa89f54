#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "nn/metrics/clustering.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;

/// Labels renumbered from 0, and how often each occurs.
struct Groups {
  Labels of;
  std::vector<double> sizes;
};

Groups groups_of(const Labels& labels) {
  Groups g;
  std::unordered_map<std::int64_t, std::int64_t> numbers;
  for (const std::int64_t y : labels) {
    const auto [found, is_new] = numbers.emplace(y, static_cast<std::int64_t>(g.sizes.size()));
    if (is_new) g.sizes.push_back(0);
    ++g.sizes[found->second];
    g.of.push_back(found->second);
  }
  return g;
}

double entropy(const Groups& g) {
  const double n = static_cast<double>(g.of.size());
  double sum = 0;
  for (const double s : g.sizes) sum -= s / n * (std::log(s) - std::log(n));
  return sum;
}

double mutual_information(const Groups& a, const Groups& b) {
  std::unordered_map<std::int64_t, double> cells;
  const auto columns = static_cast<std::int64_t>(b.sizes.size());
  for (std::size_t i = 0; i < a.of.size(); ++i) ++cells[a.of[i] * columns + b.of[i]];
  const double n = static_cast<double>(a.of.size());
  double sum = 0;
  for (const auto& [cell, count] : cells)
    sum += count / n *
           (std::log(count) + std::log(n) - std::log(a.sizes[cell / columns]) - std::log(b.sizes[cell % columns]));
  return std::max(0.0, sum);
}

std::map<double, double> times_of_sizes(const Groups& g) {
  std::map<double, double> times;
  for (const double s : g.sizes) ++times[s];
  return times;
}

/// Of two groups of x and y items among n (Vinh et al., eq. 24a): the sum over the size
/// of their overlap, which is hypergeometric.
double expected_of_pair(double x, double y, double n, const std::vector<double>& log_factorial) {
  const auto lf = [&](double v) { return log_factorial[static_cast<std::size_t>(v)]; };
  double sum = 0;
  for (double c = std::max(1.0, x + y - n); c <= std::min(x, y); ++c) {
    const double log_probability =
        lf(x) + lf(y) + lf(n - x) + lf(n - y) - lf(n) - lf(c) - lf(x - c) - lf(y - c) - lf(n - x - y + c);
    sum += c / n * (std::log(n) + std::log(c) - std::log(x) - std::log(y)) * std::exp(log_probability);
  }
  return sum;
}

double expected_information(const Groups& a, const Groups& b) {
  const std::size_t n = a.of.size();
  std::vector<double> log_factorial(n + 1, 0.0);
  for (std::size_t i = 1; i <= n; ++i) log_factorial[i] = std::lgamma(static_cast<double>(i) + 1);
  double sum = 0;
  for (const auto& [x, x_times] : times_of_sizes(a))
    for (const auto& [y, y_times] : times_of_sizes(b))
      sum += x_times * y_times * expected_of_pair(x, y, static_cast<double>(n), log_factorial);
  return sum;
}

}  // namespace

Agreement agreement(const Labels& a, const Labels& b) {
  if (a.size() != b.size())
    throw Error(ErrorKind::Usage, "agreement",
                "labellings of " + std::to_string(a.size()) + " and " + std::to_string(b.size()) + " items");
  const Groups x = groups_of(a), y = groups_of(b);
  const std::size_t n = a.size();
  if (x.sizes.size() == y.sizes.size() && (x.sizes.size() <= 1 || x.sizes.size() == n)) return {1, 1};
  const double information = mutual_information(x, y), mean = (entropy(x) + entropy(y)) / 2;
  const double expected = expected_information(x, y);
  return {information / mean, (information - expected) / (mean - expected)};
}

}  // namespace fledge
