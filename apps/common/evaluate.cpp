#include "apps/common/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/common/progress.h"
#include "apps/common/signals.h"
#include "data/boxes.h"
#include "data/degradation.h"
#include "io/escape.h"
#include "io/weights/printable.h"
#include "kernels/api/error.h"
#include "tensor/finite.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/picture.h"
#include "tensor/stream.h"

namespace fledge {
namespace {

constexpr const char* kBrokenModel =
    "the network's weights are finite, but its sums are not: use another checkpoint, or other pictures";

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

Preprocessing preprocessing_for(const Preprocessing& model, const EvalDataOptions& flags) {
  Preprocessing p = model;
  if (flags.size > 0) p.size = flags.size;
  if (flags.resize_short >= 0) p.resize_short = flags.resize_short;
  if (!flags.normalize.empty()) p.normalize = flags.normalize;
  if (!flags.degrade.empty()) p.degrade = flags.degrade == "none" ? "" : flags.degrade;
  if (!flags.box.empty()) p.box = flags.box == "on";
  return p;
}

void warn_without_boxes(const Preprocessing& preprocessing, const Dataset& dataset) {
  if (const std::string text = preprocessing.box ? missing_boxes(dataset) : ""; !text.empty())
    std::fprintf(stderr, "warning: %s\n", text.c_str());
}

EmbedOptions embed_options(const Preprocessing& model, const EvalDataOptions& flags, const MachineOptions& machine) {
  EmbedOptions options;
  options.preprocessing = preprocessing_for(model, flags);
  options.batch_size = flags.batch_size;
  options.workers = flags.workers;
  options.compute = compute_of(machine);
  options.quiet = machine.quiet;
  options.skip_bad = flags.on_bad_image == "skip";
  return options;
}

Tensor run_model(const FusedModel& model, const Tensor& images, Output output) {
  if (output == Output::Logits) return model.logits(images);
  return output == Output::Pooled ? l2_normalize(model.pooled(images)).y : model.embed(images);
}

namespace {

/// Rows on their way to the host. The device computes the next batch meanwhile, so that it never waits for one.
class RowsToHost {
 public:
  explicit RowsToHost(Device device) : arrived_(device), device_(device) {}
  ~RowsToHost() {
    try {
      receive();  // after an exception: nothing may write into memory that is given back
    } catch (const Error&) {
    }
  }

  /// `batch` is kept until its rows are here: the copy of its pixels may still run.
  void send(Batch batch, const Tensor& rows) {
    batch_ = std::move(batch);
    if (!host_.defined() || !(host_.dims() == rows.dims()))
      host_ = Tensor::empty_pinned(rows.dims(), rows.dtype(), device_);
    copy_async(host_, rows);
    arrived_.record();
  }
  /// Null when nothing was sent.
  const Tensor* receive() {
    if (!batch_) return nullptr;
    arrived_.synchronize();
    bad_ = std::move(batch_->bad);
    batch_.reset();
    return &host_;
  }
  /// Of what was received last.
  const std::vector<BadPicture>& bad() const { return bad_; }

 private:
  Event arrived_;
  Device device_;
  Tensor host_;
  std::optional<Batch> batch_;
  std::vector<BadPicture> bad_;
};

/// Collects what the network says of a data set, batch by batch in order, without the rows of bad pictures.
class RowCollector {
 public:
  RowCollector(const Dataset& dataset, const EmbedOptions& options)
      : dataset_(dataset), progress_(options.what, dataset.size(), options.quiet) {
    out_.skipped.of = dataset.size();
    for (std::int64_t i = 0; i < dataset.size(); ++i)
      if (dataset.label(i) < 0 || dataset.label(i) >= dataset.classes())
        throw Error(ErrorKind::BadInput, "", "picture '" + dataset.name(i) + "' of " + dataset.description() + " has no label",
                    "what is measured or embedded needs one: pack or list the pictures with their classes");
  }

  void keep(const Tensor& rows, const std::vector<BadPicture>& bad) {
    if (!out_.vectors.defined()) out_.vectors = Tensor::empty({dataset_.size(), rows.dim(1)});
    auto next_bad = bad.begin();
    for (std::int64_t row = 0; row < rows.dim(0);) {
      if (next_bad != bad.end() && static_cast<std::int64_t>(next_bad->row) == row) {
        out_.skipped.add(dataset_.name(next_bad->index), next_bad->reason);
        ++next_bad, ++row;
        continue;
      }
      const std::int64_t end = next_bad == bad.end() ? rows.dim(0) : static_cast<std::int64_t>(next_bad->row);
      out_.vectors.slice(0, kept(), end - row).copy_from(rows.slice(0, row, end - row));
      for (; row < end; ++row) out_.pictures.push_back(done_ + row);
    }
    done_ += rows.dim(0);
    progress_.update(done_);
    if (const int signal = stop_signal()) throw Stopped{signal};
  }

  Embeddings finish() {
    if (dataset_.size() > 0 && kept() == 0)
      throw Error(ErrorKind::BadInput, "", "none of " + std::to_string(dataset_.size()) + " pictures can be read; the first: " +
                      out_.skipped.reasons.front());
    if (kept() < dataset_.size()) out_.vectors = out_.vectors.slice(0, 0, kept());
    for (const std::int64_t i : out_.pictures) {
      out_.labels.push_back(dataset_.label(i));
      out_.paths.push_back(dataset_.name(i));
      out_.label_names.push_back(dataset_.class_names()[dataset_.label(i)]);
    }
    return std::move(out_);
  }

 private:
  std::int64_t kept() const { return static_cast<std::int64_t>(out_.pictures.size()); }

  const Dataset& dataset_;
  Progress progress_;
  std::int64_t done_ = 0;  // pictures seen
  Embeddings out_;
};

}  // namespace

void keep_common_rows(Embeddings& a, Embeddings& b) {
  const auto only = [](Embeddings& e, const std::vector<std::int64_t>& wanted) {
    if (e.pictures == wanted) return;
    Embeddings out;
    out.skipped = std::move(e.skipped), out.root = e.root;
    out.vectors = Tensor::empty({static_cast<std::int64_t>(wanted.size()), e.vectors.dim(1)}, e.vectors.dtype());
    for (std::size_t row = 0; row < e.pictures.size(); ++row) {
      if (!std::binary_search(wanted.begin(), wanted.end(), e.pictures[row])) continue;
      const auto to = static_cast<std::int64_t>(out.pictures.size());
      out.vectors.slice(0, to, 1).copy_from(e.vectors.slice(0, static_cast<std::int64_t>(row), 1));
      out.pictures.push_back(e.pictures[row]);
      out.labels.push_back(e.labels[row]);
      out.paths.push_back(std::move(e.paths[row]));
      out.label_names.push_back(std::move(e.label_names[row]));
      if (!e.contents.empty()) out.contents.push_back(std::move(e.contents[row]));
    }
    e = std::move(out);
  };
  std::vector<std::int64_t> common;
  std::set_intersection(a.pictures.begin(), a.pictures.end(), b.pictures.begin(), b.pictures.end(),
                        std::back_inserter(common));
  only(a, common);
  only(b, common);
}

Embeddings embed_dataset(const EmbeddingModel& model, std::shared_ptr<Dataset> dataset, const EmbedOptions& options) {
  const Compute& compute = options.compute;
  const auto fused = fuse(model, compute.device, compute.activations);
  EvalTransform transform;
  transform.size = options.preprocessing.size;
  transform.resize_short = options.preprocessing.resize_short;
  transform.crop_box = options.preprocessing.box;
  transform.degradation = parse_degradation(options.preprocessing.degrade);
  LoaderOptions loading;
  loading.size = options.preprocessing.size;
  loading.normalization = Normalization::named(options.preprocessing.normalize);
  loading.workers = options.workers;
  loading.pixels = compute.on_device();
  loading.device = compute.device;
  loading.on_bad_image = options.skip_bad ? OnBadImage::LeaveOut : OnBadImage::Fail;
  const PictureParams picture = picture_params(loading.normalization);

  RowCollector collector(*dataset, options);
  Loader loader(dataset, sequential_batches(dataset->size(), options.batch_size), evaluation_views(dataset, transform),
                loading);
  RowsToHost sent[2] = {RowsToHost(compute.device), RowsToHost(compute.device)};
  int turn = 0;
  while (auto batch = loader.next()) {
    if (!loading.pixels) {
      collector.keep(run_model(*fused, batch->images, options.output), batch->bad);
      continue;
    }
    if (const Tensor* rows = sent[turn].receive()) collector.keep(*rows, sent[turn].bad());
    const Tensor pixels = Tensor::empty(batch->pixels.dims(), DType::UInt8, Layout::Contiguous, compute.device);
    copy_async(pixels, batch->pixels);
    const Tensor images = augment_pictures(pixels, {}, loading.size, loading.size, picture, compute.activations);
    sent[turn].send(std::move(*batch), run_model(*fused, images, options.output));
    turn = 1 - turn;
  }
  for (int i = 0; i < 2; ++i, turn = 1 - turn)
    if (const Tensor* rows = sent[turn].receive()) collector.keep(*rows, sent[turn].bad());
  Embeddings out = collector.finish();
  require_finite_rows(out.vectors, "the embeddings", out.paths, ErrorKind::Numeric, kBrokenModel);
  return out;
}

void require_finite_rows(const Tensor& rows, const std::string& what, const std::vector<std::string>& names,
                         ErrorKind kind, const std::string& hint) {
  const auto bad = first_unsound(rows);
  if (!bad) return;
  const std::int64_t row = bad->index[0];
  throw Error(kind, "",
              "row " + std::to_string(row) + " of " + what +
                  (names.empty() ? "" : " ('" + printable(names[static_cast<std::size_t>(row)]) + "')") + " holds " +
                  describe(*bad),
              hint);
}

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
