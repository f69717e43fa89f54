// Measured figures as people read them.
#pragma once
#include <string>
#include <vector>

#include "nn/metrics/retrieval.h"
#include "train/evaluation/evaluate.h"

namespace fledge {

/// Every metric that was measured, a line each.
std::string metrics_block(const RetrievalMetrics& m);
/// Tab-separated, with a header: class, queries, then the metrics that have a formula (recall@1, map@r, ...).
std::string class_table(const RetrievalMetrics& m, const Embeddings& query);
/// Rows of a table "name  R@1  R@2 ... MAP@R", in percent; "-" where nothing was measured.
struct MetricsRow {
  std::string name;
  RetrievalMetrics metrics;
};
std::string metrics_table(const std::vector<MetricsRow>& rows);
/// "cars" of "cars-2"; a name that does not end in a seed is a kind of its own.
std::string kind_of_run(const std::string& name);
/// Rows named KIND-SEED, one line a kind in order of first appearance: "mean +- standard
/// deviation" over the seeds (n - 1), in percent. Error(BadInput): rows of one kind that hold different metrics.
std::string spread_table(const std::vector<MetricsRow>& rows);
/// What the numbers mean: "queries 2,042 ... each against all others; 3 lone queries left out".
std::string metrics_footnote(const RetrievalMetrics& m, bool self_gallery);

}  // namespace fledge
