#include "train/evaluation/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/escape.h"

namespace fledge {
namespace {

// "recall@" and a number: not "recall@1_ci".
bool is_recall(const std::string& key) {
  constexpr std::size_t kDigits = 18;  // fits
  return key.rfind("recall@", 0) == 0 && key.size() > 7 && key.size() <= 7 + kDigits &&
         std::all_of(key.begin() + 7, key.end(), [](unsigned char c) { return std::isdigit(c); });
}

/// Percent; "-" where nothing was measured: null, which NaN becomes in JSON.
std::string percent(double share, int width) {
  return std::isnan(share) ? fmt::format("{:>{}}", "-", width) : fmt::format("{:>{}.2f}", 100 * share, width);
}

/// A stored share; NaN where it is null or where no query counted (older files hold 0 there).
double share_in(const nlohmann::json& j, const std::string& key) {
  const bool measured = j.at(key).is_number() && !(j.contains("queries") && j["queries"] == 0);
  return measured ? j[key].get<double>() : std::nan("");
}

// Recall@K and the other numbers of a row in the order in which they are shown.
std::vector<std::pair<std::string, double>> shown_numbers(const nlohmann::json& j) {
  std::vector<std::pair<std::int64_t, double>> recalls;
  for (const auto& [key, value] : j.items())
    if (is_recall(key)) recalls.emplace_back(std::stoll(key.substr(7)), share_in(j, key));
  std::sort(recalls.begin(), recalls.end());
  std::vector<std::pair<std::string, double>> shown;
  for (const auto& [k, v] : recalls) shown.emplace_back("R@" + std::to_string(k), v);
  if (j.contains("map@r")) shown.emplace_back("MAP@R", share_in(j, "map@r"));
  return shown;
}

using Numbers = std::vector<std::pair<std::string, double>>;

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

/// "cars" of "cars-2"; a name that does not end in a seed is a kind of its own.
std::string kind_of(const std::string& name) {
  const std::size_t at = name.rfind('-');
  const bool seed = at != std::string::npos && at > 0 && at + 1 < name.size() &&
                    name.find_first_not_of("0123456789", at + 1) == std::string::npos;
  return seed ? name.substr(0, at) : name;
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

std::string metrics_json(const RetrievalMetrics& m, const EmbeddingReport& report) {
  nlohmann::json j;
  const auto share = [&](double v) { return m.queries > 0 ? nlohmann::json(v) : nlohmann::json(nullptr); };
  for (const auto& [k, v] : m.recall) j["recall@" + std::to_string(k)] = share(v);
  j["map@r"] = share(m.map_at_r);
  j["r_precision"] = share(m.r_precision);
  j["precision@1"] = share(m.precision_at_1);
  j["mrr"] = share(m.mrr);
  j["macro_recall@1"] = share(m.macro_recall_at_1);
  j["macro_map@r"] = share(m.macro_map_at_r);
  if (m.queries == 0) j["note"] = "nothing was measured: no query has another picture of its class";
  if (m.interval_level > 0) {
    j["recall@1_ci"] = {m.recall_at_1_interval.low, m.recall_at_1_interval.high};
    j["map@r_ci"] = {m.map_at_r_interval.low, m.map_at_r_interval.high};
    j["ci_level"] = m.interval_level;
  }
  j["queries"] = m.queries;
  j["lone_queries"] = m.lone_queries;
  j["gallery"] = m.gallery;
  if (report.own_pictures) j["own_pictures"] = *report.own_pictures;
  if (report.copies) j["copies"] = *report.copies;
  if (report.equal_embeddings) j["equal_embeddings"] = *report.equal_embeddings;
  if (report.trained_on > 0) j["test_pictures_trained_on"] = report.trained_on;
  if (report.rank) {
    j["effective_rank"] = report.rank->effective;
    j["participation_ratio"] = report.rank->participation;
    j["top_component_share"] = report.rank->top_share;
  }
  if (report.distances) {
    const auto mean = [](double v, std::int64_t pairs) { return pairs ? nlohmann::json(v) : nlohmann::json(nullptr); };
    j["mean_positive"] = mean(report.distances->positive, report.distances->positives);
    j["mean_negative"] = mean(report.distances->negative, report.distances->negatives);
  }
  if (report.clusters) {
    j["nmi"] = report.clusters->nmi;
    j["ami"] = report.clusters->ami;
  }
  return j.dump();
}

std::string metrics_block(const std::string& json) {
  const auto j = nlohmann::json::parse(json);
  std::vector<std::pair<std::string, std::string>> lines;
  const auto interval = [&](const char* key) -> std::string {
    if (!j.contains(key)) return "";
    return fmt::format("  [{:.2f}, {:.2f}] at {:g} %", 100 * j[key][0].get<double>(), 100 * j[key][1].get<double>(),
                       100 * j.value("ci_level", 0.95));
  };
  for (const auto& [name, value] : shown_numbers(j))
    lines.emplace_back(name, fmt::format("{} %{}", percent(value, 6),
                                         interval(name == "R@1"     ? "recall@1_ci"
                                                  : name == "MAP@R" ? "map@r_ci"
                                                                    : "")));
  const auto add = [&](const char* key, const char* name, bool in_percent) {
    if (!j.contains(key)) return;
    const double value = share_in(j, key);
    lines.emplace_back(name, in_percent          ? percent(value, 6) + " %"
                             : std::isnan(value) ? fmt::format("{:>8}", "-")
                                                 : fmt::format("{:8.4g}", value));
  };
  add("r_precision", "R-precision", true);
  add("mrr", "mean reciprocal rank", true);
  add("macro_recall@1", "R@1, mean over classes", true);
  add("macro_map@r", "MAP@R, mean over classes", true);
  add("nmi", "NMI of k-means", true);
  add("ami", "AMI of k-means", true);
  add("mean_positive", "mean distance, same class", false);
  add("mean_negative", "mean distance, others", false);
  add("effective_rank", "effective rank", false);
  add("participation_ratio", "participation ratio", false);
  add("top_component_share", "first component's share", true);
  std::size_t width = 0;
  for (const auto& [name, value] : lines) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : lines) text += fmt::format("  {:<{}}  {}\n", name, width, value);
  return text;
}

std::string class_table(const RetrievalMetrics& m, const Embeddings& query) {
  std::map<std::int64_t, std::string> names;
  for (std::size_t i = 0; i < query.labels.size(); ++i) names.emplace(query.labels[i], query.label_names[i]);
  std::string text = "class\tqueries\trecall@1\tmap@r\tr_precision\tmrr\n";
  for (const ClassMetrics& c : m.classes)
    text += fmt::format("{}\t{}\t{:.6f}\t{:.6f}\t{:.6f}\t{:.6f}\n", escaped_for_line(names[c.label]), c.queries,
                        c.recall_at_1, c.map_at_r, c.r_precision, c.mrr);
  return text;
}

std::string metrics_table(const std::vector<MetricsRow>& rows) {
  std::size_t width = 5;
  std::vector<Numbers> all;
  for (const auto& r : rows)
    width = std::max(width, r.name.size()), all.push_back(shown_numbers(nlohmann::json::parse(r.json)));
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
    const std::string kind = kind_of(r.name);
    auto it = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (it == kinds.end()) it = kinds.insert(kinds.end(), {kind, {}});
    all.push_back(shown_numbers(nlohmann::json::parse(r.json)));
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
