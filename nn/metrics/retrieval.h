// Exact retrieval metrics in bounded memory: blocked products and counts, never the whole n x n matrix.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "nn/metrics/spread.h"
#include "tensor/tensor.h"

namespace fledge {

/// How sure a mean over queries is: it is computed anew from queries drawn with replacement, `samples` times.
struct BootstrapOptions {
  std::int64_t samples = 1000;  // 0: no intervals
  double level = 0.95;
  std::uint64_t seed = 0;
  bool by_class = false;  // draws whole classes: for what another choice of classes would have given
};

struct RetrievalOptions {
  std::vector<std::int64_t> recall_at = {1, 2, 4, 8};
  bool self_gallery = true;   // gallery == query: each query leaves itself out
  std::int64_t block = 1024;  // rows of a block; memory: see nn/retrieval/README.md
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  BootstrapOptions bootstrap = {};
  /// Means over so many queries drawn at random, as the code of Yu et al. 2019 does for large sets; 0: over all. The
  /// gallery stays whole.
  std::int64_t sample_queries = 0;
  std::uint64_t sample_seed = 0;
  /// For each query the gallery rows that show its own picture: passed over as though they were not there. Empty: none.
  std::vector<std::vector<std::int32_t>> own = {};
};

struct Interval {
  double low = 0, high = 0;
};

using MetricValues = std::map<std::string, double>;  // by key

/// Means over the counted queries of one class.
struct ClassMetrics {
  std::int64_t label = 0, queries = 0;
  MetricValues values;  // by the metric's own_name()
};

/// Keys are those of nn/metrics/metric_table.h; as JSON: nn/metrics/metrics_json.h.
struct RetrievalMetrics {
  std::map<std::int64_t, double> recall;  // K -> share of queries with a same-class picture among the K nearest
  /// Of evaluate_retrieval: every metric that has a formula, and their means over classes. Others where measured.
  MetricValues values;
  std::map<std::string, Interval> intervals;  // of "recall@1" and "map@r"; empty without bootstrap samples
  double interval_level = 0;                  // 0: there are no intervals
  std::vector<ClassMetrics> classes;          // those with a counted query, by label
  std::int64_t queries = 0;       // counted queries (those with at least one relevant picture); -1: a file does not say
  std::int64_t lone_queries = 0;  // queries without any relevant picture: left out and reported
  std::int64_t gallery = 0;
};

/// Nearest first by Euclidean distance (for unit rows the same order as the cosine); ties by gallery index. N,D, both
/// float32 or both float64; labels int64. The order is that of sum_k (q_k - g_k)^2 in double of the numbers as given:
/// products in float32 only preselect, and whatever they cannot tell apart for certain is computed again
/// (nn/retrieval/README.md), so the result depends neither on the block nor on the threads. 0 when no query counts
/// (queries == 0: nothing was measured). Errors: dims, sizes or dtype do not agree, a K or block below 1, a bootstrap
/// level outside 0-1 (Usage), NaN or infinity in an embedding (Numeric, names the row).
RetrievalMetrics evaluate_retrieval(const Tensor& query, const std::vector<std::int64_t>& query_labels,
                                    const Tensor& gallery, const std::vector<std::int64_t>& gallery_labels,
                                    const RetrievalOptions& options = {});

}  // namespace fledge
