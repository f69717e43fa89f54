#include "nn/metrics/metric_table.h"

#include <algorithm>
#include <cctype>

#include "nn/retrieval/ranking.h"

namespace fledge {
namespace {

double first_is_relevant(const QueryRanking& q) { return q.before == 0; }

/// Musgrave et al. 2020, A Metric Learning Reality Check, section 3.2: (1/R) sum_{i<=R} hit_i * precision@i.
double average_precision_at_r(const QueryRanking& q) {
  double hits = 0, sum = 0;
  for (const std::int64_t place : q.places) sum += ++hits / static_cast<double>(place);
  return sum / static_cast<double>(q.relevant);
}

double r_precision(const QueryRanking& q) {
  return static_cast<double>(q.places.size()) / static_cast<double>(q.relevant);
}

double reciprocal_rank(const QueryRanking& q) { return 1 / static_cast<double>(q.before + 1); }

constexpr Metric kMetrics[] = {
    // Recall@1 by its other name: it is there whatever K are asked for.
    {.key = "precision@1",
     .label = "P@1",
     .of = first_is_relevant,
     .name = "recall@1",
     .over_classes = true,
     .interval = true},
    {.key = "map@r",
     .label = "MAP@R",
     .of = average_precision_at_r,
     .main = true,
     .over_classes = true,
     .interval = true},
    {.key = "r_precision", .label = "R-precision", .of = r_precision},
    {.key = "mrr", .label = "MRR", .of = reciprocal_rank, .line_label = "mean reciprocal rank"},
    {.key = "nmi", .label = "NMI", .line_label = "NMI of k-means"},
    {.key = "ami", .label = "AMI", .line_label = "AMI of k-means"},
    {.key = "mean_positive",
     .label = "mean positive",
     .kind = Metric::Number,
     .line_label = "mean distance, same class"},
    {.key = "mean_negative", .label = "mean negative", .kind = Metric::Number, .line_label = "mean distance, others"},
    {.key = "effective_rank", .label = "effective rank", .kind = Metric::Number},
    {.key = "participation_ratio", .label = "participation ratio", .kind = Metric::Number},
    {.key = "top_component_share",
     .label = "top component share",
     .kind = Metric::Share,
     .line_label = "first component's share"},
};

}  // namespace

std::span<const Metric> metric_table() { return kMetrics; }

std::optional<std::int64_t> recall_k(const std::string& key) {
  constexpr std::size_t kStart = 7, kDigits = 18;  // fits
  const bool is_recall = key.starts_with("recall@") && key.size() > kStart && key.size() <= kStart + kDigits &&
                         std::all_of(key.begin() + kStart, key.end(), [](unsigned char c) { return std::isdigit(c); });
  return is_recall ? std::optional<std::int64_t>(std::stoll(key.substr(kStart))) : std::nullopt;
}

MetricInfo metric_info(const std::string& key) {
  if (recall_k(key)) return {"R@" + key.substr(7), Metric::Score};
  for (const Metric& m : kMetrics) {
    if (key == m.key) return {m.label, m.kind};
    if (m.over_classes && key == m.over_classes_key()) return {"macro " + metric_info(m.own_name()).label, m.kind};
  }
  std::string label = key;
  std::replace(label.begin(), label.end(), '_', ' ');
  return {label, Metric::Number};
}

}  // namespace fledge
