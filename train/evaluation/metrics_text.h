// Measured figures as JSON, and as people read them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "nn/metrics/clustering.h"
#include "nn/metrics/retrieval.h"
#include "nn/metrics/spread.h"
#include "train/evaluation/evaluate.h"

namespace fledge {

/// What is measured beside retrieval when asked for.
struct EmbeddingReport {
  std::optional<EmbeddingRank> rank;
  std::optional<MeanDistances> distances;
  std::optional<Agreement> clusters;  // of k-means with as many clusters as classes
  // Queries whose own picture, or a copy of it under another name, the gallery holds (apps/index/own_pictures.h).
  std::optional<std::int64_t> own_pictures, copies;
  std::int64_t trained_on = 0;                   // pictures measured although the model was trained on them
  std::optional<std::int64_t> equal_embeddings;  // queries that find a row equal to theirs (equal_embeddings.h)
};

/// {"recall@1": 0.47, ..., "map@r": ..., "recall@1_ci": [0.45, 0.49], ..., "queries": ...}
std::string metrics_json(const RetrievalMetrics& m, const EmbeddingReport& report = {});
/// Every metric of such a JSON object that is there, a line each.
std::string metrics_block(const std::string& json);
/// Tab-separated, with a header: class, queries, recall@1, map@r, r_precision, mrr.
std::string class_table(const RetrievalMetrics& m, const Embeddings& query);
/// Rows of a table "name  R@1  R@2 ... MAP@R", in percent; from JSON so that stored metrics print the same.
struct MetricsRow {
  std::string name, json;
};
std::string metrics_table(const std::vector<MetricsRow>& rows);
/// Rows named KIND-SEED, one line a kind in order of first appearance: "mean +- standard
/// deviation" over the seeds (n - 1), in percent.
std::string spread_table(const std::vector<MetricsRow>& rows);
/// What the numbers mean: "queries 2,042 ... each against all others; 3 lone queries left out".
std::string metrics_footnote(const RetrievalMetrics& m, bool self_gallery);

}  // namespace fledge
