#include "apps/verbs/stored_metrics.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "io/file.h"
#include "io/json_file.h"
#include "nn/metrics/metrics_json.h"
#include "train/evaluation/metrics_text.h"
#include "train/run/run_identity.h"

namespace fledge {

namespace {

/// What the test pictures of a run are, in any order; "" where the run does not say.
std::string tested_on(const std::string& run) {
  const auto bytes = read_file_if_there((std::filesystem::path(run) / "identity.tsv").string());
  const auto identity = bytes ? parse_identity(std::string(bytes->begin(), bytes->end())) : std::nullopt;
  std::vector<std::string> pictures;
  if (identity)
    for (const auto& [set, members] : identity->sets)
      if (set == "test")
        for (const PictureIdentity& p : members) pictures.push_back(to_text(p.content) + " " + p.class_name);
  std::sort(pictures.begin(), pictures.end());
  std::string text;
  for (const std::string& picture : pictures) text += picture + "\n";
  return text.empty() ? "" : to_text(content_of(text.data(), text.size()));
}

}  // namespace

int print_stored_metrics(const std::vector<std::string>& runs, bool spread, bool as_json) {
  std::vector<MetricsRow> rows;
  nlohmann::json all;
  std::set<std::string> met;
  std::set<double> measured;     // numbers of queries
  std::set<std::string> tested;  // test sets, as far as they are known
  for (const auto& run : runs) {
    std::error_code ignored;
    if (!met.insert(std::filesystem::weakly_canonical(run, ignored).string()).second)
      throw Error(ErrorKind::Usage, "", "run '" + run + "' is there twice", "name each run once");
    const std::string file = (std::filesystem::path(run) / "metrics.json").string();
    if (!std::filesystem::exists(file))
      throw Error(
          ErrorKind::BadInput, "", "run '" + run + "' has no metrics.json",
          "it was trained without --test or is not finished: go on with --resume auto, or evaluate it with --model " +
              run + " --data ...");
    const std::string name = std::filesystem::path(run).lexically_normal().filename().string();
    const nlohmann::json metrics = read_json_object(file);
    // Runs of one name in different folders go by their paths.
    rows.push_back({all.contains(name) ? run : name, metrics_from_json(metrics)});
    all[rows.back().name] = metrics;
    if (const std::string pictures = tested_on(run); !pictures.empty()) tested.insert(pictures);
    if (metrics.contains("queries") && metrics["queries"].is_number())
      measured.insert(metrics["queries"].get<double>());
  }
  if (as_json)
    std::printf("%s\n", json_text(all).c_str());
  else
    std::fputs((spread ? spread_table(rows) : metrics_table(rows)).c_str(), stdout);
  if (measured.size() > 1 && !as_json)
    std::printf("the runs were measured with different numbers of queries: %.0f to %.0f\n", *measured.begin(),
                *measured.rbegin());
  else if (tested.size() > 1 && !as_json)
    std::printf("the runs were measured on different test pictures\n");
  return 0;
}

}  // namespace fledge
