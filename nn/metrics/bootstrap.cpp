#include "nn/metrics/bootstrap.h"

#include <algorithm>

#include "tensor/context.h"
#include "tensor/random.h"

namespace fledge {
namespace {

/// What can be drawn: sums over its queries, and how many they are.
struct Units {
  std::vector<std::vector<double>> sums;  // per column
  std::vector<double> counts;
};

Units units_of(const std::vector<std::vector<double>>& values, const std::vector<std::int64_t>& groups, bool by_class) {
  const std::size_t n = values.empty() ? 0 : values[0].size();
  if (!by_class) return {values, std::vector<double>(n, 1)};
  const std::size_t size = groups.empty() ? 0 : *std::max_element(groups.begin(), groups.end()) + 1;
  Units units{std::vector<std::vector<double>>(values.size(), std::vector<double>(size)), std::vector<double>(size)};
  for (std::size_t i = 0; i < n; ++i) {
    ++units.counts[groups[i]];
    for (std::size_t c = 0; c < values.size(); ++c) units.sums[c][groups[i]] += values[c][i];
  }
  return units;
}

/// Linear between the two nearest, as NumPy's default.
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<Interval> bootstrap_intervals(const std::vector<std::vector<double>>& values,
                                          const std::vector<std::int64_t>& groups, const BootstrapOptions& options) {
  const Units units = units_of(values, groups, options.by_class);
  const std::size_t columns = values.size(), size = units.counts.size();
  std::vector<Interval> intervals(columns);
  if (size == 0 || options.samples < 1) return intervals;
  std::vector<std::vector<double>> means(columns, std::vector<double>(options.samples));
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
  for (std::int64_t b = 0; b < options.samples; ++b) {
    // A generator of its own for every sample: the same for any number of threads.
    Generator generator = Generator::of({options.seed, static_cast<std::uint64_t>(b)});
    std::vector<double> sums(columns);
    double count = 0;
    for (std::size_t draw = 0; draw < size; ++draw) {
      const std::int64_t unit = generator.below(static_cast<std::int64_t>(size));
      count += units.counts[unit];
      for (std::size_t c = 0; c < columns; ++c) sums[c] += units.sums[c][unit];
    }
    for (std::size_t c = 0; c < columns; ++c) means[c][b] = sums[c] / count;
  }
  for (std::size_t c = 0; c < columns; ++c) {
    std::sort(means[c].begin(), means[c].end());
    intervals[c] = {quantile(means[c], (1 - options.level) / 2), quantile(means[c], (1 + options.level) / 2)};
  }
  return intervals;
}

}  // namespace fledge
