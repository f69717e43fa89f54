// Bootstrap intervals of means over queries (Efron & Tibshirani 1993, chapter 13:
// percentile method). Private to nn/metrics/.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/metrics/retrieval.h"

namespace fledge {

/// One interval per column: of the mean of values[c][i] over i, when the i are drawn again with replacement
/// options.samples times. With options.by_class whole groups are drawn (groups[i]: number of i's group, from 0): as
/// many as there are, each with all of its queries. The same draws serve all columns. Zeros without samples.
std::vector<Interval> bootstrap_intervals(const std::vector<std::vector<double>>& values,
                                          const std::vector<std::int64_t>& groups, const BootstrapOptions& options);

}  // namespace fledge
