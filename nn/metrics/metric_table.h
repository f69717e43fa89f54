// Every metric once: its key in files, its names for people and, where it is a mean over queries, its formula.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace fledge {

struct QueryRanking;  // nn/retrieval/ranking.h

struct Metric {
  enum Kind {
    Score,   // a share, shown in percent; more is better
    Share,   // a share of which more is not better
    Number,  // shown as it is
  };
  const char* key;
  const char* label;  // heads a column
  Kind kind = Score;
  /// Of one query with a relevant picture; the metric is the mean over them. Null: measured of all embeddings together.
  double (*of)(const QueryRanking&) = nullptr;
  const char* line_label = nullptr;  // where it has a line of its own; null: the label
  const char* name = nullptr;        // of its column by class, its mean over classes, its interval; null: the key
  bool main = false;                 // a column of the short table, beside Recall@K
  bool over_classes = false;         // the mean over classes of the class's mean is a metric too
  bool interval = false;             // gets a bootstrap interval

  const char* own_name() const { return name ? name : key; }
  const char* own_label() const { return line_label ? line_label : label; }
  std::string over_classes_key() const { return std::string("macro_") + own_name(); }
};

/// In the order in which people see them.
std::span<const Metric> metric_table();

/// K of "recall@K".
std::optional<std::int64_t> recall_k(const std::string& key);

/// What people are told about a number by its key: of the table, "recall@K", or "macro_..." of one that has it. Any
/// other key is a number whose label is the key.
struct MetricInfo {
  std::string label;
  Metric::Kind kind;
};
MetricInfo metric_info(const std::string& key);

}  // namespace fledge
