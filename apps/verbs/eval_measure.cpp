#include "apps/verbs/eval_measure.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/index/own_pictures.h"
#include "io/file.h"
#include "io/json_file.h"
#include "nn/metrics/clustering.h"
#include "nn/metrics/metrics_json.h"
#include "nn/metrics/spread.h"
#include "train/evaluation/equal_embeddings.h"
#include "train/evaluation/metrics_text.h"

namespace fledge {
namespace {

void add_rank(const Embeddings& e, RetrievalMetrics& m) {
  const EmbeddingRank rank = embedding_rank(e.vectors);
  m.values["effective_rank"] = rank.effective;
  m.values["participation_ratio"] = rank.participation;
  m.values["top_component_share"] = rank.top_share;
}

void add_distances(const Embeddings& e, RetrievalMetrics& m) {
  const MeanDistances d = mean_distances(e.vectors, e.labels);
  m.values["mean_positive"] = d.positives ? d.positive : std::nan("");
  m.values["mean_negative"] = d.negatives ? d.negative : std::nan("");
}

// Agreement of k-means, one cluster a class, with the classes.
void add_clusters(const EvalOptions& o, const Embeddings& e, RetrievalMetrics& m) {
  const std::set<std::int64_t> classes(e.labels.begin(), e.labels.end());
  KMeansOptions options;
  options.k = static_cast<std::int64_t>(classes.size());
  options.seed = o.bootstrap.seed;
  options.starts = o.cluster_starts;
  const Agreement found = agreement(e.labels, k_means(e.vectors, options).labels);
  m.values["nmi"] = found.nmi;
  m.values["ami"] = found.ami;
}

PictureNames names_of(const Embeddings& e) { return {e.paths, e.contents, e.root}; }

/// What each query leaves out besides itself. Among the queries copies stay unless they are told to go: the figures of
/// the literature hold them.
OwnPictures left_out(const Embeddings& query, const Gallery& gallery, bool copies) {
  if (!gallery.same_pictures) return own_pictures(names_of(query), names_of(*gallery.embeddings), copies);
  OwnPictures found = copies_within(names_of(query));
  if (!copies) found.rows.clear();
  return found;
}

/// "" or a line.
std::string own_note(const OwnPictures& own, bool same_pictures, bool copies_out) {
  std::string text;
  if (own.own) text = std::to_string(own.own) + " queries have their own picture in the gallery: left out";
  if (own.copies)
    text += (text.empty() ? "" : "; ") + std::to_string(own.copies) + " queries have a copy of their picture under " +
            "another name " + (same_pictures ? "among the others" : "in the gallery") +
            (copies_out ? ": left out" : ": copies count (--copies leave-out)");
  return text.empty() ? "" : text + "\n";
}

}  // namespace

int print_metrics(const EvalOptions& o, const std::string& name, const Embeddings& query, const Gallery& gallery) {
  RetrievalOptions options;
  options.recall_at = parse_counts(o.recall_at, "--recall-at");
  options.self_gallery = gallery.same_pictures;
  options.bootstrap = o.bootstrap;
  options.bootstrap.by_class = o.by_class;
  const Embeddings& g = gallery.embeddings ? *gallery.embeddings : query;
  const bool copies_out = gallery.same_pictures ? o.copies == "leave-out" : o.copies != "keep";
  OwnPictures own = left_out(query, gallery, true);
  // What a known copy explains is left out here.
  const EqualEmbeddings equal = equal_embeddings(query.vectors, g.vectors, options.self_gallery, own.rows);
  if (!copies_out) own = left_out(query, gallery, false);
  options.own = std::move(own.rows);
  RetrievalMetrics m = evaluate_retrieval(query.vectors, query.labels, g.vectors, g.labels, options);
  if (equal.collapsed()) std::fprintf(stderr, "warning: %s\n", equal.text().c_str());
  if (o.all && !query.labels.empty()) {
    add_rank(query, m);
    add_distances(query, m);
  }
  if (o.clusters && !query.labels.empty()) add_clusters(o, query, m);
  if (!o.per_class.empty()) write_file_atomic(o.per_class, class_table(m, query));
  if (o.json) {
    nlohmann::json j = to_json(m);
    j["equal_embeddings"] = equal.queries;
    if (query.trained_on > 0) j["test_pictures_trained_on"] = query.trained_on;
    if (!gallery.same_pictures) j["own_pictures"] = own.own;
    if (!query.contents.empty() && !g.contents.empty()) j["copies"] = own.copies;
    if (o.data.on_bad_image == OnBadImage::Skip && o.embeddings.empty()) {
      add_skipped(j, "skipped", query.skipped.names);
      if (gallery.embeddings && !gallery.same_pictures)
        add_skipped(j, "skipped_gallery", gallery.embeddings->skipped.names);
    }
    std::printf("%s\n", json_text(j).c_str());
    return 0;
  }
  std::fputs(metrics_table({{name, m}}).c_str(), stdout);
  if (o.all || o.clusters) std::fputs(metrics_block(m).c_str(), stdout);
  std::fputs(metrics_footnote(m, options.self_gallery).c_str(), stdout);
  std::fputs(own_note(own, gallery.same_pictures, copies_out).c_str(), stdout);
  if (const std::string text = equal.text(); !text.empty() && !equal.collapsed()) std::printf("%s\n", text.c_str());
  return 0;
}

}  // namespace fledge
