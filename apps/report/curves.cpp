#include "apps/report/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "nn/metrics/metric_table.h"

namespace fledge::report {
namespace {

// The mean at every x that all curves have.
std::vector<Point> mean_curve(const std::vector<const std::vector<Point>*>& curves) {
  std::map<double, std::pair<int, double>> sums;
  for (const auto* curve : curves)
    for (const Point& p : *curve) ++sums[p.x].first, sums[p.x].second += p.y;
  std::vector<Point> out;
  for (const auto& [x, sum] : sums)
    if (sum.first == static_cast<int>(curves.size())) out.push_back({x, sum.second / sum.first});
  return out;
}

// A kind's curves: its run, or its runs drawn light under their mean.
void add_kind(const Kind& kind, const std::vector<std::pair<std::string, std::vector<Point>>>& curves, Chart& chart) {
  if (curves.empty()) return;
  std::vector<const std::vector<Point>*> all;
  for (const auto& [name, points] : curves) {
    all.push_back(&points);
    if (curves.size() > 1) chart.series.push_back({name, points, kind.color, true});
  }
  const std::string name =
      curves.size() > 1 ? fmt::format("{}, mean of {}", kind.name, curves.size()) : curves[0].first;
  chart.series.push_back({name, mean_curve(all), kind.color, false});
}

Chart chart_of(const std::vector<Kind>& kinds, const std::string& key, Curves RunRecord::*kept) {
  Chart chart;
  chart.x_label = "epoch";
  for (const Kind& kind : kinds) {
    std::vector<std::pair<std::string, std::vector<Point>>> curves;
    for (const RunRecord* run : kind.runs) {
      const Curves& from = run->*kept;
      if (const auto it = from.find(key); it != from.end()) curves.emplace_back(run->name, it->second);
    }
    add_kind(kind, curves, chart);
  }
  return chart;
}

// "relative.distance_error" -> "relative: distance error"
std::string title_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? key : key.substr(0, dot) + ": " + key.substr(dot + 1);
}

std::vector<std::string> quantities(const std::vector<Kind>& kinds) {
  static const std::set<std::string> kFacts = {"seconds", "images_per_second"};
  std::set<std::string> keys;
  for (const Kind& kind : kinds)
    for (const RunRecord* run : kind.runs)
      for (const auto& entry : run->epochs)
        if (!kFacts.count(entry.first)) keys.insert(entry.first);
  std::vector<std::string> out(keys.begin(), keys.end());
  std::stable_partition(out.begin(), out.end(), [](const std::string& key) { return key == "loss"; });
  return out;
}

std::vector<std::int64_t> recall_ks(const std::vector<const Kind*>& kinds) {
  std::set<std::int64_t> ks;
  for (const Kind* kind : kinds)
    for (const RunRecord* run : kind->runs)
      for (const auto& entry : run->metrics)
        if (const auto k = recall_k(entry.first)) ks.insert(*k);
  return {ks.begin(), ks.end()};
}

Chart recall_by_k(const std::vector<const Kind*>& kinds, const std::vector<std::int64_t>& ks) {
  Chart chart{"Recall@K, percent", "K", {}, true, {ks.begin(), ks.end()}};
  for (const Kind* kind : kinds) {
    std::vector<std::pair<std::string, std::vector<Point>>> curves;
    for (const RunRecord* run : kind->runs) {
      std::vector<Point> points;
      for (const std::int64_t k : ks)
        if (const double* value = run->metric("recall@" + std::to_string(k)))
          points.push_back({static_cast<double>(k), *value});
      if (!points.empty()) curves.emplace_back(run->name, points);
    }
    add_kind(*kind, curves, chart);
  }
  return chart;
}

// Of kinds whose size is known: a point each.
Chart recall_by_size(const std::vector<const Kind*>& kinds) {
  Chart chart{"R@1 by size of the network, percent", "thousand weights", {}, true, {}};
  for (const Kind* kind : kinds) {
    const Spread s = spread_of(*kind, "recall@1");
    const double thousands = std::round(static_cast<double>(kind->runs[0]->weights) / 1e3);
    if (s.count && thousands > 0) chart.series.push_back({kind->name, {{thousands, s.mean}}, kind->color, false});
  }
  return chart;
}

}  // namespace

Section result_plots(const std::vector<Kind>& kinds, bool files) {
  const std::vector<std::string> sets = test_sets(kinds);
  Section section;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    std::vector<const Kind*> here;
    std::vector<Bar> bars;
    for (const Kind& kind : kinds) {
      const Spread s = spread_of(kind, "recall@1");
      if (kind.test_set != sets[i]) continue;
      here.push_back(&kind);
      if (s.count) bars.push_back({kind.name, s.mean, s.deviation, kind.color});
    }
    if (bars.empty()) continue;
    const std::string number = sets.size() > 1 ? fmt::format("-{}", i + 1) : "";
    const std::vector<std::int64_t> ks = recall_ks(here);
    const Chart sizes = recall_by_size(here);
    if (sets.size() > 1) section.html += "<h3>" + escape(sets[i]) + "</h3>\n";
    section.html += "<div class=\"plots\">\n";
    section.add_card("recall-1" + number, bar_chart("R@1, percent", bars), files);
    if (ks.size() > 1) section.add_card("recall-k" + number, line_chart(recall_by_k(here, ks)), files);
    if (sizes.series.size() > 1) section.add_card("recall-size" + number, line_chart(sizes), files);
    section.html += "</div>\n";
  }
  return section;
}

Section training_plots(const std::vector<Kind>& kinds, bool files) {
  Section section;
  for (const bool validation : {false, true})
    for (const std::string key : {"recall@1", "map@r"}) {
      Chart chart = chart_of(kinds, key, validation ? &RunRecord::validations : &RunRecord::evals);
      chart.percent = true;
      chart.title =
          fmt::format("{} on the {} pictures, percent", metric_info(key).label, validation ? "validation" : "test");
      const bool curve =
          std::any_of(chart.series.begin(), chart.series.end(), [](const Series& s) { return s.points.size() > 1; });
      if (curve) section.add_card((validation ? "validation-" : "eval-") + file_name(key), line_chart(chart), files);
    }
  const bool measured = !section.html.empty();
  for (const std::string& key : quantities(kinds)) {
    Chart chart = chart_of(kinds, key, &RunRecord::epochs);
    chart.title = title_of(key);
    if (!chart.series.empty()) section.add_card("train-" + file_name(key), line_chart(chart), files);
  }
  std::string note =
      "<p class=\"note\">Means over each epoch, as training logged them. Point at a curve for its values.";
  if (!measured) note += " Recall was not measured while training: <code>--eval-every 1</code> gives its curve.";
  if (section.html.empty())
    section.html = "<p class=\"note\">No run has finished an epoch yet.</p>\n";
  else
    section.html = note + "</p>\n<div class=\"plots\">\n" + section.html + "</div>\n";
  return section;
}

}  // namespace fledge::report
