// Exact retrieval metrics in bounded memory: blocked products and counts, never the whole n x n matrix.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct RetrievalOptions {
  std::vector<std::int64_t> recall_at = {1, 2, 4, 8};
  bool self_gallery = true;   // gallery == query: each query leaves itself out
  std::int64_t block = 1024;  // rows of a block; memory: see nn/metrics/README.md
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

struct RetrievalMetrics {
  std::map<std::int64_t, double> recall;  // K -> share of queries with a same-class picture among the K nearest
  double map_at_r = 0;  // Musgrave et al. 2020: mean over queries of (1/R) sum_{i<=R} hit_i * precision@i
  double r_precision = 0;
  double precision_at_1 = 0;
  std::int64_t queries = 0;       // counted queries (those with at least one relevant picture)
  std::int64_t lone_queries = 0;  // queries without any relevant picture: left out and reported
  std::int64_t gallery = 0;
};

/// Nearest first by Euclidean distance (for unit rows the same order as the cosine); ties by gallery index. float32
/// N,D; labels int64. The order is that of sum_k (q_k - g_k)^2 in double: products in float32 only preselect, and
/// whatever they cannot tell apart for certain is computed again (nn/metrics/README.md), so the result depends neither
/// on the block nor on the threads. 0 when no query counts. Errors: dims, sizes or dtype do not agree, a K or block
/// below 1 (Usage), NaN or infinity in an embedding (Numeric, names the row).
RetrievalMetrics evaluate_retrieval(const Tensor& query, const std::vector<std::int64_t>& query_labels,
                                    const Tensor& gallery, const std::vector<std::int64_t>& gallery_labels,
                                    const RetrievalOptions& options = {});

/// Spread of an embedding: mean distance of pairs of the same and of different classes (0 without such a pair), and the
/// mean over dimensions of the standard deviation, in one batch. N,D float32 or float64; labels N int64. O(N^2 D).
struct EmbeddingSpread {
  double mean_positive = 0, mean_negative = 0, std_per_dimension = 0;
};
EmbeddingSpread embedding_spread(const Tensor& embedding, const Tensor& labels);

}  // namespace fledge
