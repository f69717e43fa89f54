#include "nn/metrics/metrics_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/metrics/metric_table.h"

namespace fledge {
namespace {

using nlohmann::json;

/// Calls f(key, whether it is a mean over queries) for every key that a metric can have.
template <class F>
void each_key(F f) {
  for (const Metric& m : metric_table()) {
    f(std::string(m.key), m.of != nullptr);
    if (m.over_classes) f(m.over_classes_key(), true);
  }
}

json number(double v) { return std::isnan(v) ? json(nullptr) : json(v); }

}  // namespace

json to_json(const RetrievalMetrics& m) {
  json j;
  const auto mean = [&](double v) { return m.queries > 0 ? number(v) : json(nullptr); };
  for (const auto& [k, share] : m.recall) j["recall@" + std::to_string(k)] = mean(share);
  each_key([&](const std::string& key, bool over_queries) {
    const auto value = m.values.find(key);
    if (value != m.values.end()) j[key] = over_queries ? mean(value->second) : number(value->second);
  });
  if (m.queries == 0) j["note"] = "nothing was measured: no query has another picture of its class";
  for (const auto& [name, interval] : m.intervals) j[name + "_ci"] = {interval.low, interval.high};
  if (m.interval_level > 0) j["ci_level"] = m.interval_level;
  j["queries"] = m.queries;
  j["lone_queries"] = m.lone_queries;
  j["gallery"] = m.gallery;
  return j;
}

RetrievalMetrics metrics_from_json(const json& j) {
  RetrievalMetrics m;
  const auto count = [&](const char* key, std::int64_t none) {
    return j.contains(key) && j[key].is_number_integer() ? j[key].get<std::int64_t>() : none;
  };
  m.queries = count("queries", -1);
  m.lone_queries = count("lone_queries", 0);
  m.gallery = count("gallery", 0);
  // Older files hold 0 where no query counted.
  const auto value_of = [&](const json& v, bool over_queries) {
    return v.is_number() && !(over_queries && m.queries == 0) ? v.get<double>() : std::nan("");
  };
  for (const auto& [key, value] : j.items())
    if (const auto k = recall_k(key)) m.recall[*k] = value_of(value, true);
  each_key([&](const std::string& key, bool over_queries) {
    if (j.contains(key)) m.values[key] = value_of(j[key], over_queries);
  });
  for (const Metric& metric : metric_table()) {
    const std::string name = metric.own_name(), key = name + "_ci";
    if (!metric.interval || !j.contains(key)) continue;
    const json& v = j[key];
    if (v.is_array() && v.size() == 2 && v[0].is_number() && v[1].is_number()) m.intervals[name] = {v[0], v[1]};
  }
  if (j.contains("ci_level") && j["ci_level"].is_number()) m.interval_level = j["ci_level"];
  return m;
}

}  // namespace fledge
