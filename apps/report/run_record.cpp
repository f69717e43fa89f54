#include "apps/report/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/cli/toml.h"
#include "apps/cli/toml_bounds.h"
#include "base/error.h"
#include "base/escape.h"
#include "io/file.h"
#include "io/json_file.h"
#include "io/weights/weight_file.h"
#include "train/evaluation/metrics_text.h"
#include "train/model/model_file.h"

namespace fledge::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(const fs::path& path) {
  const auto bytes = read_file(path.string());
  return {bytes.begin(), bytes.end()};
}

json object_in(const fs::path& path) { return read_json_object(path.string()); }

void read_config(const fs::path& path, RunRecord& run) {
  std::vector<std::pair<toml::source_index, std::pair<std::string, std::string>>> entries;
  const std::string text = text_of(path);
  if (const std::string problem = beyond_toml_bounds(text); !problem.empty())
    throw Error(ErrorKind::BadInput, "", "'" + path.string() + "' is damaged: " + problem);
  try {
    const toml::table table = toml::parse(text, path.string());
    for (const auto& [key, node] : table)
      if (const auto* value = node.as_string())
        entries.push_back({node.source().begin.line, {std::string(key.str()), unescaped(value->get())}});
  } catch (const toml::parse_error& e) {
    throw Error(ErrorKind::BadInput, "",
                fmt::format("{}:{}: {}", path.string(), e.source().begin.line, std::string(e.description())));
  }
  std::sort(entries.begin(), entries.end());
  for (auto& entry : entries) run.config.push_back(std::move(entry.second));
}

std::string string_in(const json& j, const char* key) {
  return j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : "";
}

void read_facts(const fs::path& path, RunRecord& run) {
  const json j = object_in(path);
  run.version = string_in(j, "version"), run.command = string_in(j, "command"), run.dataset = string_in(j, "dataset");
  const json machine = j.value("machine", json::object());
  run.isa = string_in(machine, "isa"), run.onednn = string_in(machine, "onednn");
  run.gpu = string_in(machine, "gpu");
  if (machine.contains("threads") && machine["threads"].is_number()) run.threads = machine["threads"];
}

void read_log_line(const json& line, RunRecord& run) {
  const std::string type = string_in(line, "type");
  if (line.contains("step") && line["step"].is_number_integer())
    run.steps = std::max<std::int64_t>(run.steps, line["step"]);
  if (type == "warning") run.warnings.push_back(string_in(line, "text"));
  if ((type != "epoch" && type != "eval" && type != "validation") || !line.contains("epoch") ||
      !line["epoch"].is_number())
    return;
  const double epoch = line["epoch"];
  Curves& curves = type == "epoch" ? run.epochs : type == "eval" ? run.evals : run.validations;
  for (const auto& [key, value] : line.items()) {
    if (!value.is_number() || key == "step" || key == "epoch") continue;
    // The line that training ends with may be of an earlier checkpoint, the best.
    std::vector<Point>& points = curves[key];
    if (points.empty() || points.back().x != epoch) points.push_back({epoch, value.get<double>()});
  }
  if (type != "epoch") return;
  if (epoch >= 0 && epoch < 1e9) run.epochs_done = std::max(run.epochs_done, static_cast<std::int64_t>(epoch));
  const auto is_number = [&](const char* key) { return line.contains(key) && line[key].is_number(); };
  if (!is_number("seconds") || !is_number("images_per_second")) return;
  const double seconds = line["seconds"].get<double>();
  run.seconds += seconds;
  run.images += seconds * line["images_per_second"].get<double>();
}

void read_log(const fs::path& path, RunRecord& run) {
  std::istringstream lines(text_of(path));
  for (std::string text; std::getline(lines, text);) {
    const json line = parse_json(text);  // a run that is under way may end in half a line
    if (line.is_object()) read_log_line(line, run);
  }
}

void add_numbers(const json& j, const std::string& prefix, RunRecord& run) {
  for (const auto& [key, value] : j.items()) {
    if (value.is_object()) add_numbers(value, prefix + key + ".", run);
    if (value.is_number()) run.metrics.emplace_back(prefix + key, value.get<double>());
  }
}

// What is about the metrics, and no metric, is taken out first.
void read_metrics(const fs::path& path, RunRecord& run) {
  json j = object_in(path);
  run.selected_by = string_in(j, "selected_by");
  if (j.contains("epoch") && j["epoch"].is_number()) run.selected_epoch = j["epoch"];
  j.erase("epoch");
  j.erase("ci_level");
  for (const auto& [key, value] : j.items()) {
    const bool interval = key.size() > 3 && key.compare(key.size() - 3, 3, "_ci") == 0 && value.is_array();
    if (interval && value.size() == 2 && value[0].is_number() && value[1].is_number())
      run.intervals[key.substr(0, key.size() - 3)] = {value[0], value[1]};
  }
  add_numbers(j, "", run);
}

void measure_model(RunRecord& run) {
  try {
    const std::string path = weight_file_of(run.path);
    const WeightFile file(path);
    run.file_bytes = static_cast<std::int64_t>(fs::file_size(path));
    for (const StoredTensor& t : file.tensors()) {
      const bool statistics =
          t.name.find("running_") != std::string::npos || t.name.find("num_batches_tracked") != std::string::npos;
      if (!statistics) run.weights += t.numel();
    }
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;  // no sound checkpoint yet: the size stays unknown
  }
}

RunRecord read_run(const std::string& path) {
  const fs::path folder(path);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw Error(ErrorKind::BadInput, "", "no run '" + path + "': there is no such folder",
                "name folders that fledge train or distill wrote with --run");
  if (!fs::is_regular_file(folder / "config.toml", ignored))
    throw Error(ErrorKind::BadInput, "", "'" + path + "' is no run's folder: it has no config.toml",
                "name folders that fledge train or distill wrote with --run");
  RunRecord run;
  run.path = path;
  fs::path named = folder.lexically_normal();
  if (!named.has_filename()) named = named.parent_path();
  run.name = named.filename().string();
  if (run.name.empty() || run.name == "." || run.name == "..") run.name = fs::canonical(folder).filename().string();
  read_config(folder / "config.toml", run);
  if (fs::exists(folder / "run.json", ignored)) read_facts(folder / "run.json", run);
  if (fs::exists(folder / "log.jsonl", ignored)) read_log(folder / "log.jsonl", run);
  if (fs::exists(folder / "metrics.json", ignored)) read_metrics(folder / "metrics.json", run);
  measure_model(run);
  return run;
}

}  // namespace

const std::string& RunRecord::option(const std::string& key) const {
  static const std::string kNone;
  for (const auto& [name, value] : config)
    if (name == key) return value;
  return kNone;
}

const double* RunRecord::metric(const std::string& key) const {
  for (const auto& entry : metrics)
    if (entry.first == key) return &entry.second;
  return nullptr;
}

std::vector<RunRecord> read_runs(const std::vector<std::string>& paths) {
  std::vector<RunRecord> runs;
  std::map<std::string, int> names, folders;
  for (const auto& path : paths) {
    runs.push_back(read_run(path));
    ++names[runs.back().name];
    if (++folders[fs::canonical(path).string()] > 1)
      throw Error(ErrorKind::Usage, "", "run '" + path + "' is named twice", "name each run once");
  }
  for (RunRecord& run : runs) {
    if (names[run.name] > 1) run.name = run.path;
    run.kind = kind_of_run(run.name);
  }
  return runs;
}

std::string plain_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string::npos) return text;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return *end == 0 && std::isfinite(value) ? fmt::format("{:.12g}", value) : text;
}

}  // namespace fledge::report
