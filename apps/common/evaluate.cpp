#include "apps/common/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/progress.h"
#include "apps/common/signals.h"
#include "kernels/api/error.h"
#include "tensor/ops/distance.h"

namespace fledge {
namespace {

// Recall@K and the other numbers of a row in the order in which they are shown.
std::vector<std::pair<std::string, double>> shown_numbers(const nlohmann::json& j) {
  std::vector<std::pair<std::int64_t, double>> recalls;
  for (const auto& [key, value] : j.items())
    if (key.rfind("recall@", 0) == 0) recalls.emplace_back(std::stoll(key.substr(7)), value.get<double>());
  std::sort(recalls.begin(), recalls.end());
  std::vector<std::pair<std::string, double>> shown;
  for (const auto& [k, v] : recalls) shown.emplace_back("R@" + std::to_string(k), v);
  if (j.contains("map@r")) shown.emplace_back("MAP@R", j["map@r"].get<double>());
  return shown;
}

}  // namespace

Preprocessing preprocessing_for(const Preprocessing& model, const EvalDataOptions& flags) {
  Preprocessing p = model;
  if (flags.size > 0) p.size = flags.size;
  if (flags.resize_short >= 0) p.resize_short = flags.resize_short;
  if (!flags.normalize.empty()) p.normalize = flags.normalize;
  return p;
}

Tensor run_model(const FusedModel& model, const Tensor& images, Output output) {
  if (output == Output::Logits) return model.logits(images);
  return output == Output::Pooled ? l2_normalize(model.pooled(images)).y : model.embed(images);
}

Embeddings embed_dataset(const EmbeddingModel& model, std::shared_ptr<Dataset> dataset, const EmbedOptions& options) {
  const auto fused = fuse(model);
  EvalTransform transform;
  transform.size = options.preprocessing.size;
  transform.resize_short = options.preprocessing.resize_short;
  LoaderOptions loading;
  loading.size = options.preprocessing.size;
  loading.normalization = Normalization::named(options.preprocessing.normalize);
  loading.workers = options.workers;

  Embeddings out;
  const std::int64_t n = dataset->size();
  Progress progress(options.what, n, options.quiet);
  Loader loader(dataset, sequential_batches(n, options.batch_size), evaluation_views(dataset, transform), loading);
  std::int64_t done = 0;
  while (auto batch = loader.next()) {
    const Tensor rows = run_model(*fused, batch->images, options.output);
    if (!out.vectors.defined()) out.vectors = Tensor::empty({n, rows.dim(1)});
    out.vectors.slice(0, done, rows.dim(0)).copy_from(rows);
    done += rows.dim(0);
    progress.update(done);
    if (const int signal = stop_signal()) throw Stopped{signal};
  }
  for (std::int64_t i = 0; i < n; ++i) {
    out.labels.push_back(dataset->label(i));
    out.paths.push_back(dataset->name(i));
    out.label_names.push_back(dataset->class_names()[dataset->label(i)]);
  }
  return out;
}

std::string metrics_json(const RetrievalMetrics& m) {
  nlohmann::json j;
  for (const auto& [k, v] : m.recall) j["recall@" + std::to_string(k)] = v;
  j["map@r"] = m.map_at_r;
  j["r_precision"] = m.r_precision;
  j["precision@1"] = m.precision_at_1;
  j["queries"] = m.queries;
  j["lone_queries"] = m.lone_queries;
  j["gallery"] = m.gallery;
  return j.dump();
}

std::string metrics_table(const std::vector<MetricsRow>& rows) {
  std::size_t width = 5;
  for (const auto& r : rows) width = std::max(width, r.name.size());
  std::string text;
  for (const auto& r : rows) {
    const auto numbers = shown_numbers(nlohmann::json::parse(r.json));
    if (text.empty()) {
      text = fmt::format("{:<{}}", "model", width);
      for (const auto& [name, value] : numbers) text += fmt::format("  {:>6}", name);
      text += "\n";
    }
    text += fmt::format("{:<{}}", r.name, width);
    for (const auto& [name, value] : numbers) text += fmt::format("  {:>6.2f}", 100 * value);
    text += "\n";
  }
  return text;
}

std::string spread_table(const std::vector<MetricsRow>& rows) {
  using Numbers = std::vector<std::pair<std::string, double>>;
  std::vector<std::pair<std::string, std::vector<Numbers>>> kinds;
  std::size_t width = 5;
  for (const auto& r : rows) {
    const std::string kind = r.name.substr(0, r.name.rfind('-'));
    auto it = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (it == kinds.end()) it = kinds.insert(kinds.end(), {kind, {}});
    it->second.push_back(shown_numbers(nlohmann::json::parse(r.json)));
    if (it->second.back().size() != it->second.front().size())
      throw Error(ErrorKind::BadInput, "", "runs of kind '" + kind + "' hold different sets of metrics",
                  "evaluate them with the same --recall-at");
    width = std::max(width, kind.size());
  }
  std::string text;
  for (const auto& [kind, runs] : kinds) {
    const Numbers& names = runs[0];
    if (text.empty()) {
      text = fmt::format("{:<{}}  seeds", "model", width);
      for (const auto& [name, value] : names) text += fmt::format("  {:>14}", name);
      text += "\n";
    }
    text += fmt::format("{:<{}}  {:>5}", kind, width, runs.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      double mean = 0, square = 0;
      for (const auto& run : runs) mean += 100 * run[i].second / static_cast<double>(runs.size());
      for (const auto& run : runs) square += std::pow(100 * run[i].second - mean, 2);
      const double deviation = runs.size() > 1 ? std::sqrt(square / static_cast<double>(runs.size() - 1)) : 0;
      text += fmt::format("  {:>6.2f} +- {:.2f}", mean, deviation);
    }
    text += "\n";
  }
  return text;
}

std::string metrics_footnote(const RetrievalMetrics& m, bool self_gallery) {
  std::string text = fmt::format("percent; {} queries against {} pictures{}, exact", m.queries, m.gallery,
                                 self_gallery ? ", each query itself left out" : "");
  if (m.lone_queries) text += fmt::format("; {} queries without any picture of their class left out", m.lone_queries);
  return text + "\n";
}

}  // namespace fledge
