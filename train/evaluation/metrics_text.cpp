#include "train/evaluation/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "nn/metrics/metric_table.h"

namespace fledge {
namespace {

/// Percent; "-" where nothing was measured: null, which NaN becomes in JSON.
std::string percent(double share, int width) {
  return std::isnan(share) ? fmt::format("{:>{}}", "-", width) : fmt::format("{:>{}.2f}", 100 * share, width);
}

using Numbers = std::vector<std::pair<std::string, double>>;

/// NaN where no query counted.
double measured(const RetrievalMetrics& m, double value) { return m.queries == 0 ? std::nan("") : value; }

// Recall@K and the other numbers of a row in the order in which they are shown.
Numbers shown_numbers(const RetrievalMetrics& m) {
  Numbers shown;
  for (const auto& [k, share] : m.recall) shown.emplace_back("R@" + std::to_string(k), measured(m, share));
  for (const Metric& metric : metric_table())
    if (const auto value = m.values.find(metric.key); metric.main && value != m.values.end())
      shown.emplace_back(metric.label, measured(m, value->second));
  return shown;
}

/// Of all rows, in the order in which they are shown: K rising, then the others.
std::vector<std::string> shown_names(const std::vector<Numbers>& rows) {
  std::vector<std::string> names;
  for (const Numbers& row : rows)
    for (const auto& [name, value] : row)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    const auto place = [](const std::string& n) { return n.starts_with("R@") ? std::stoll(n.substr(2)) : INT64_MAX; };
    return place(a) < place(b);
  });
  return names;
}

/// NaN where the row has none.
double number_of(const Numbers& row, const std::string& name) {
  for (const auto& [own, value] : row)
    if (own == name) return value;
  return std::nan("");
}

/// Mean and standard deviation over runs, in percent; a mean alone of one run; "-" where one was not measured.
std::string spread_text(const std::vector<Numbers>& runs, const std::string& name) {
  double mean = 0, square = 0;
  for (const Numbers& run : runs) mean += 100 * number_of(run, name) / static_cast<double>(runs.size());
  for (const Numbers& run : runs) square += std::pow(100 * number_of(run, name) - mean, 2);
  if (std::isnan(mean)) return fmt::format("{:>14}", "-");
  if (runs.size() == 1) return fmt::format("{:>6.2f}        ", mean);
  return fmt::format("{:>6.2f} +- {:.2f}", mean, std::sqrt(square / static_cast<double>(runs.size() - 1)));
}

}  // namespace

std::string kind_of_run(const std::string& name) {
  const std::size_t at = name.rfind('-');
  const bool seed = at != std::string::npos && at > 0 && at + 1 < name.size() &&
                    name.find_first_not_of("0123456789", at + 1) == std::string::npos;
  return seed ? name.substr(0, at) : name;
}

std::string metrics_block(const RetrievalMetrics& m) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto add = [&](const std::string& label, Metric::Kind kind, double value) {
    value = measured(m, value);
    lines.emplace_back(label, kind != Metric::Number ? percent(value, 6) + " %"
                              : std::isnan(value)    ? fmt::format("{:>8}", "-")
                                                     : fmt::format("{:8.4g}", value));
  };
  const auto add_interval = [&](const std::string& name) {
    if (const auto i = m.intervals.find(name); i != m.intervals.end())
      lines.back().second += fmt::format("  [{:.2f}, {:.2f}] at {:g} %", 100 * i->second.low, 100 * i->second.high,
                                         100 * m.interval_level);
  };
  for (const auto& [k, share] : m.recall) {
    add("R@" + std::to_string(k), Metric::Score, share);
    add_interval("recall@" + std::to_string(k));
  }
  const auto add_metric = [&](const std::string& key, const std::string& label, const Metric& metric) {
    const auto value = m.values.find(key);
    if (value != m.values.end()) add(label, metric.kind, value->second);
    return value != m.values.end();
  };
  const auto table = metric_table();
  for (const Metric& metric : table)
    if (metric.of && !recall_k(metric.own_name()) && add_metric(metric.key, metric.own_label(), metric))
      add_interval(metric.own_name());
  for (const Metric& metric : table)
    if (metric.over_classes)
      add_metric(metric.over_classes_key(), metric_info(metric.own_name()).label + ", mean over classes", metric);
  for (const Metric& metric : table)
    if (!metric.of) add_metric(metric.key, metric.own_label(), metric);
  std::size_t width = 0;
  for (const auto& [name, value] : lines) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : lines) text += fmt::format("  {:<{}}  {}\n", name, width, value);
  return text;
}

std::string class_table(const RetrievalMetrics& m, const Embeddings& query) {
  std::map<std::int64_t, std::string> names;
  for (std::size_t i = 0; i < query.labels.size(); ++i) names.emplace(query.labels[i], query.label_names[i]);
  std::vector<std::string> columns;
  std::string text = "class\tqueries";
  for (const Metric& metric : metric_table())
    if (metric.of) columns.push_back(metric.own_name()), text += "\t" + columns.back();
  text += "\n";
  for (const ClassMetrics& c : m.classes) {
    text += fmt::format("{}\t{}", escaped_for_line(names[c.label]), c.queries);
    for (const std::string& column : columns) text += fmt::format("\t{:.6f}", c.values.at(column));
    text += "\n";
  }
  return text;
}

std::string metrics_table(const std::vector<MetricsRow>& rows) {
  std::size_t width = 5;
  std::vector<Numbers> all;
  for (const auto& r : rows) width = std::max(width, r.name.size()), all.push_back(shown_numbers(r.metrics));
  const std::vector<std::string> names = shown_names(all);
  std::string text = fmt::format("{:<{}}", "model", width);
  for (const std::string& name : names) text += fmt::format("  {:>6}", name);
  text += "\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("{:<{}}", rows[i].name, width);
    for (const std::string& name : names) text += "  " + percent(number_of(all[i], name), 6);
    text += "\n";
  }
  return text;
}

std::string spread_table(const std::vector<MetricsRow>& rows) {
  std::vector<std::pair<std::string, std::vector<Numbers>>> kinds;
  std::vector<Numbers> all;
  std::size_t width = 5;
  for (const auto& r : rows) {
    const std::string kind = kind_of_run(r.name);
    auto it = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (it == kinds.end()) it = kinds.insert(kinds.end(), {kind, {}});
    all.push_back(shown_numbers(r.metrics));
    it->second.push_back(all.back());
    if (shown_names({it->second.back()}) != shown_names({it->second.front()}))
      throw Error(ErrorKind::BadInput, "", "runs of kind '" + kind + "' hold different sets of metrics",
                  "evaluate them with the same --recall-at");
    width = std::max(width, kind.size());
  }
  const std::vector<std::string> names = shown_names(all);
  std::string text = fmt::format("{:<{}}  seeds", "model", width);
  for (const std::string& name : names) text += fmt::format("  {:>14}", name);
  text += "\n";
  for (const auto& [kind, runs] : kinds) {
    text += fmt::format("{:<{}}  {:>5}", kind, width, runs.size());
    for (const std::string& name : names) text += "  " + spread_text(runs, name);
    text += "\n";
  }
  return text;
}

std::string metrics_footnote(const RetrievalMetrics& m, bool self_gallery) {
  std::string text = fmt::format("percent; {} queries against {} pictures{}, exact", m.queries, m.gallery,
                                 self_gallery ? ", each query itself left out" : "");
  if (m.queries == 0) text += "; nothing was measured";
  const std::int64_t to_find = m.gallery - (self_gallery ? 1 : 0);
  if (m.queries > 0 && !m.recall.empty() && m.recall.rbegin()->first >= to_find)
    text += fmt::format("; R@{} and above cannot miss in so few", std::max<std::int64_t>(to_find, 1));
  if (m.lone_queries) text += fmt::format("; {} queries without any picture of their class left out", m.lone_queries);
  return text + "\n";
}

}  // namespace fledge
