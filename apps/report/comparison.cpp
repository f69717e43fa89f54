#include "apps/report/comparison.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "nn/metrics/metric_table.h"

namespace fledge::report {
namespace {

// Recalls first, by K; then the others that are better when larger; then counts and what else there is.
int place(const std::string& key) {
  static const std::vector<std::string> kFirst = {"map@r", "r_precision", "precision@1"};
  if (recall_k(key)) return 0;
  const auto it = std::find(kFirst.begin(), kFirst.end(), key);
  return it != kFirst.end() ? 1 + static_cast<int>(it - kFirst.begin()) : 100;
}

std::string same_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::weakly_canonical(path, ignored).string();
}

std::string network_of(const RunRecord& run) {
  std::string all;
  for (const char* key : {"arch", "width", "embedding", "stem", "weights"}) all += plain_number(run.option(key)) + "\n";
  return all;
}

std::string test_set_of(const RunRecord& run) {
  const std::string& classes = run.option("test-classes");
  return run.option("test") + (classes.empty() ? "" : ", classes " + classes);
}

}  // namespace

std::vector<Kind> kinds_of(const std::vector<RunRecord>& runs) {
  std::vector<Kind> kinds;
  for (const RunRecord& run : runs) {
    const std::string test_set = test_set_of(run);
    auto it = std::find_if(kinds.begin(), kinds.end(),
                           [&](const Kind& k) { return k.name == run.kind && k.test_set == test_set; });
    if (it == kinds.end()) it = kinds.insert(kinds.end(), {run.kind, test_set, {}, static_cast<int>(kinds.size())});
    it->runs.push_back(&run);
  }
  return kinds;
}

std::vector<std::string> test_sets(const std::vector<Kind>& kinds) {
  std::vector<std::string> sets;
  for (const Kind& kind : kinds)
    if (std::find(sets.begin(), sets.end(), kind.test_set) == sets.end()) sets.push_back(kind.test_set);
  return sets;
}

std::vector<Column> metric_columns(const std::vector<const RunRecord*>& runs) {
  std::set<std::string> keys;
  for (const RunRecord* run : runs)
    for (const auto& entry : run->metrics) keys.insert(entry.first);
  std::vector<Column> columns;
  for (const std::string& key : keys) {
    const MetricInfo info = metric_info(key);
    columns.push_back({key, info.label, info.kind != Metric::Number, info.kind == Metric::Score});
  }
  std::stable_sort(columns.begin(), columns.end(), [](const Column& a, const Column& b) {
    if (place(a.key) != place(b.key)) return place(a.key) < place(b.key);
    if (a.ranked != b.ranked) return a.ranked;
    return place(a.key) == 0 && recall_k(a.key) < recall_k(b.key);
  });
  return columns;
}

Spread spread_of(const Kind& kind, const std::string& key) {
  Spread s;
  for (const RunRecord* run : kind.runs)
    if (const double* value = run->metric(key)) s.mean += *value, ++s.count;
  if (s.count == 0) return s;
  s.mean /= s.count;
  double squares = 0;
  for (const RunRecord* run : kind.runs)
    if (const double* value = run->metric(key)) squares += (*value - s.mean) * (*value - s.mean);
  s.deviation = s.count > 1 ? std::sqrt(squares / (s.count - 1)) : 0;
  return s;
}

const Kind* teacher_of(const Kind& kind, const std::vector<Kind>& kinds) {
  const std::string& teacher = kind.runs[0]->option("teacher");
  if (teacher.empty()) return nullptr;
  for (const Kind& other : kinds)
    for (const RunRecord* run : other.runs)
      if (&other != &kind && other.test_set == kind.test_set && same_folder(run->path) == same_folder(teacher))
        return &other;
  return nullptr;
}

const Kind* alone_of(const Kind& kind, const std::vector<Kind>& kinds) {
  if (kind.runs[0]->option("teacher").empty()) return nullptr;
  for (const Kind& other : kinds)
    if (other.test_set == kind.test_set && other.runs[0]->option("teacher").empty() &&
        network_of(*other.runs[0]) == network_of(*kind.runs[0]))
      return &other;
  return nullptr;
}

std::vector<Difference> config_differences(const std::vector<RunRecord>& runs) {
  static const std::set<std::string> kOfTheMachine = {
      "run",      "resume",     "resume-allow-change",   "quiet", "threads", "device", "workers",
      "cache-mb", "step-graph", "checkpoint-activations"};
  std::vector<std::string> keys;
  for (const RunRecord& run : runs)
    for (const auto& entry : run.config)
      if (!kOfTheMachine.count(entry.first) && std::find(keys.begin(), keys.end(), entry.first) == keys.end())
        keys.push_back(entry.first);
  std::vector<Difference> out;
  for (const std::string& key : keys) {
    Difference d{key, {}};
    std::set<std::string> values;
    for (const RunRecord& run : runs) {
      const bool has = std::any_of(run.config.begin(), run.config.end(), [&](const auto& e) { return e.first == key; });
      d.values.push_back(has ? plain_number(run.option(key)) : "–");
      values.insert(has ? d.values.back() : "");  // an option left empty is as good as none
    }
    if (values.size() > 1) out.push_back(d);
  }
  return out;
}

}  // namespace fledge::report
