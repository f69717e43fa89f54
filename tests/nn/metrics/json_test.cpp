// Metrics as files hold them, and the table that names them.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "nn/metrics/metric_table.h"
#include "nn/metrics/metrics_json.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;
using nlohmann::json;

TEST_CASE("metrics written as JSON are read as they were", "[metrics]") {
  Generator g(3);
  const Tensor x = rand_normal({60, 4}, g);
  std::vector<std::int64_t> y;
  for (int i = 0; i < 60; ++i) y.push_back(g.below(5));
  RetrievalMetrics m = evaluate_retrieval(x, y, x, y, {.recall_at = {2, 4}});
  m.values["nmi"] = 0.25;
  m.values["mean_negative"] = std::nan("");
  const json j = json::parse(to_json(m).dump());
  CHECK(!j.contains("recall@1"));
  CHECK(j.at("mean_negative").is_null());
  RetrievalMetrics back = metrics_from_json(j);
  CHECK(std::isnan(back.values.at("mean_negative")));
  CHECK(to_json(back).dump() == j.dump());
  m.values.erase("mean_negative");
  back.values.erase("mean_negative");
  CHECK(back.recall == m.recall);
  CHECK(back.values == m.values);
  CHECK(back.intervals.at("recall@1").high == m.intervals.at("recall@1").high);
  CHECK(back.queries == m.queries);
  // precision@1 is Recall@1 under its other name.
  CHECK(evaluate_retrieval(x, y, x, y).recall.at(1) == m.values.at("precision@1"));
}

TEST_CASE("metrics in files of before, and over no queries", "[metrics]") {
  const RetrievalMetrics old = metrics_from_json(json::parse(
      R"({"recall@1": 0.5, "recall@x": 1, "recall@99999999999999999999": 1, "map@r": "?", "map@r_ci": [1]})"));
  CHECK(old.recall == std::map<std::int64_t, double>{{1, 0.5}});
  CHECK(old.values.size() == 1);
  CHECK(std::isnan(old.values.at("map@r")));
  CHECK(old.intervals.empty());
  CHECK(old.queries == -1);
  const RetrievalMetrics none =
      metrics_from_json(json::parse(R"({"recall@1": 0.0, "mrr": 0.0, "nmi": 0.5, "queries": 0})"));
  CHECK(std::isnan(none.recall.at(1)));
  CHECK(std::isnan(none.values.at("mrr")));
  CHECK(none.values.at("nmi") == 0.5);
}

TEST_CASE("every metric has one key, and a label by it", "[metrics]") {
  std::set<std::string> keys;
  for (const Metric& m : metric_table()) {
    CHECK(keys.insert(m.key).second);
    CHECK(metric_info(m.key).label == m.label);
    if (m.over_classes) CHECK(metric_info(m.over_classes_key()).label.starts_with("macro "));
    CHECK((m.of || !(m.over_classes || m.interval || m.main)));  // those are of single queries
  }
  CHECK(metric_info("recall@10").label == "R@10");
  CHECK(metric_info("macro_recall@1").label == "macro R@1");
  CHECK(metric_info("lone_queries").label == "lone queries");
  CHECK(metric_info("lone_queries").kind == Metric::Number);
}
