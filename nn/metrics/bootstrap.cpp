#include "nn/metrics/bootstrap.h"

#include <algorithm>

#include "tensor/context.h"
#include "tensor/random.h"

namespace fledge {
namespace {

/// What can be drawn: sums over its queries, and behind them how many they are. Those of a unit lie side by side.
struct Units {
  std::size_t size, width;  // width: columns + 1
  std::vector<double> sums;
};

Units units_of(const std::vector<std::vector<double>>& values, const std::vector<std::int64_t>& groups, bool by_class) {
  const std::size_t n = values.empty() ? 0 : values[0].size(), columns = values.size(), width = columns + 1;
  const std::size_t classes = groups.empty() ? 0 : *std::max_element(groups.begin(), groups.end()) + 1;
  const std::size_t size = by_class ? classes : n;
  Units units{size, width, std::vector<double>(size * width)};
  for (std::size_t i = 0; i < n; ++i) {
    double* unit = &units.sums[(by_class ? groups[i] : i) * width];
    for (std::size_t c = 0; c < columns; ++c) unit[c] += values[c][i];
    ++unit[columns];
  }
  return units;
}

/// The sums over as many units as there are, drawn with replacement: one after the other, so that the digits are those
/// of a plain loop.
std::vector<double> drawn_sums(const Units& units, Generator generator) {
  constexpr std::size_t kTogether = 512;
  std::int64_t drawn[kTogether];
  std::vector<double> sums(units.width);
  for (std::size_t done = 0; done < units.size; done += kTogether) {
    const std::size_t count = std::min(kTogether, units.size - done);
    generator.fill_below(static_cast<std::int64_t>(units.size), drawn, static_cast<std::int64_t>(count));
    if (units.width == 3) {  // the metrics that have intervals: sums in registers
      double a = sums[0], b = sums[1], n = sums[2];
      for (std::size_t i = 0; i < count; ++i) {
        const double* unit = &units.sums[static_cast<std::size_t>(drawn[i]) * 3];
        a += unit[0], b += unit[1], n += unit[2];
      }
      sums = {a, b, n};
      continue;
    }
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t c = 0; c < units.width; ++c)
        sums[c] += units.sums[static_cast<std::size_t>(drawn[i]) * units.width + c];
  }
  return sums;
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
  const std::size_t columns = values.size();
  std::vector<Interval> intervals(columns);
  if (units.size == 0 || options.samples < 1) return intervals;
  std::vector<std::vector<double>> means(columns, std::vector<double>(options.samples));
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
  for (std::int64_t b = 0; b < options.samples; ++b) {
    // A generator of its own for every sample: the same for any number of threads.
    const std::vector<double> sums = drawn_sums(units, Generator::of({options.seed, static_cast<std::uint64_t>(b)}));
    for (std::size_t c = 0; c < columns; ++c) means[c][b] = sums[c] / sums[columns];
  }
  for (std::size_t c = 0; c < columns; ++c) {
    std::sort(means[c].begin(), means[c].end());
    intervals[c] = {quantile(means[c], (1 - options.level) / 2), quantile(means[c], (1 + options.level) / 2)};
  }
  return intervals;
}

}  // namespace fledge
