// What a run's folder says about the run: options, machine, curves, metrics.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fledge::report {

struct Point {
  double x = 0, y = 0;
};
using Curves = std::map<std::string, std::vector<Point>>;  // by quantity, over epochs

struct RunRecord {
  std::string path;
  std::string name;  // last part of the path; the whole path where two runs share it
  std::string kind;  // kind_of_run(name)
  std::vector<std::pair<std::string, std::string>> config;  // in the file's order
  std::string version, command, dataset, isa, onednn, gpu;  // "" where run.json does not say
  std::int64_t threads = 0;
  Curves epochs, evals, validations;  // lines of the log by type; the first of an epoch counts
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, double>>
      metrics;  // numbers of metrics.json, inner ones as "a.b"; empty: unfinished
  std::map<std::string, std::pair<double, double>> intervals;  // "recall@1" -> its confidence interval, where measured
  std::string selected_by;          // which checkpoint the metrics are of: "last", "validation", "test"; "" not said
  std::int64_t selected_epoch = 0;  // and its epoch
  std::int64_t steps = 0, epochs_done = 0;
  double seconds = 0, images = 0;            // of training
  std::int64_t weights = 0, file_bytes = 0;  // of the newest sound checkpoint's model; 0: none

  /// Value of an option, "" when it is not there.
  const std::string& option(const std::string& key) const;
  /// A number of metrics.json, or nothing.
  const double* metric(const std::string& key) const;
};

/// The runs, with names that tell them apart. Errors (BadInput): no folder, no run's folder (no config.toml), damaged
/// config.toml, run.json or metrics.json; (Usage): a run named twice. Torn lines of the log are passed over, a missing
/// log or metrics.json is a run that has not got that far.
std::vector<RunRecord> read_runs(const std::vector<std::string>& paths);

/// "0.20000000000000001" and "2e-1" -> "0.2"; what is no number stays.
std::string plain_number(const std::string& text);

}  // namespace fledge::report
