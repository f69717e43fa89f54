#include "nn/metrics/retrieval.h"

#include <algorithm>
#include <cmath>

#include "nn/metrics/bootstrap.h"
#include "nn/metrics/ranking.h"
#include "nn/metrics/rows.h"
#include "tensor/random.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;

[[noreturn]] void usage(const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::Usage, "evaluate_retrieval", problem, hint);
}

void check_side(const char* side, const Tensor& x, const Labels& labels) {
  if (!x.defined() || x.rank() != 2 || x.dim(1) < 1 || !is_comparable(x.dtype()))
    usage(std::string(side) +
          " must be N,D float32 or float64: " + (x.defined() ? describe(x) : std::string("undefined")));
  if (x.dim(0) != static_cast<std::int64_t>(labels.size()))
    usage(std::string(side) + " has " + std::to_string(x.dim(0)) + " rows but " + std::to_string(labels.size()) +
          " labels");
  const std::int64_t bad = first_not_finite(x);
  if (bad >= 0)
    throw Error(ErrorKind::Numeric, "evaluate_retrieval",
                std::string(side) + " row " + std::to_string(bad / x.dim(1)) + " holds " +
                    std::to_string(x.reshape({-1}).slice(0, bad, 1).item()),
                "the model's weights or that picture are broken: look at the row's input");
}

void check_arguments(const Tensor& query, const Tensor& gallery, const RetrievalOptions& o) {
  if (query.dim(1) != gallery.dim(1))
    usage("query and gallery embeddings differ in size: " + describe(query) + " and " + describe(gallery),
          "use one model for both");
  if (query.dtype() != gallery.dtype())
    usage("query and gallery must both be float32 or both float64: " + describe(query) + " and " + describe(gallery));
  if (!o.own.empty() && static_cast<std::int64_t>(o.own.size()) != query.dim(0))
    usage("own pictures of " + std::to_string(o.own.size()) + " queries, but there are " +
          std::to_string(query.dim(0)));
  for (const auto& rows : o.own)
    for (const std::int32_t row : rows)
      if (row < 0 || row >= gallery.dim(0)) usage("own picture in row " + std::to_string(row) + " of the gallery");
  if (o.self_gallery && query.dim(0) != gallery.dim(0))
    usage("self_gallery is set, but the query has " + std::to_string(query.dim(0)) + " rows and the gallery " +
              std::to_string(gallery.dim(0)),
          "set self_gallery to false for a separate gallery");
  if (o.block < 1) usage("block is " + std::to_string(o.block), "it must be at least 1");
  for (std::int64_t k : o.recall_at)
    if (k < 1) usage("recall at " + std::to_string(k), "K counts from 1");
  if (o.bootstrap.samples < 0 || !(o.bootstrap.level > 0 && o.bootstrap.level < 1))
    usage("bootstrap of " + std::to_string(o.bootstrap.samples) + " samples at level " +
              std::to_string(o.bootstrap.level),
          "samples count from 0, the level lies between 0 and 1");
}

/// The means over queries and over classes.
void average(const std::vector<QueryScore>& scores, const Labels& labels, const BootstrapOptions& bootstrap,
             RetrievalMetrics& m) {
  std::map<std::int64_t, ClassMetrics> classes;
  std::vector<std::vector<double>> kept(2);  // Recall@1 and MAP@R, for the intervals
  Labels kept_labels;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const QueryScore& s = scores[i];
    if (s.relevant == 0) {
      ++m.lone_queries;
      continue;
    }
    ++m.queries;
    const double first = s.before == 0, reciprocal = 1 / static_cast<double>(s.before + 1);
    for (auto& [k, share] : m.recall) share += s.before < k;
    m.precision_at_1 += first;
    m.map_at_r += s.average_precision;
    m.r_precision += s.r_precision;
    m.mrr += reciprocal;
    ClassMetrics& c = classes[labels[i]];
    ++c.queries;
    c.recall_at_1 += first;
    c.map_at_r += s.average_precision;
    c.r_precision += s.r_precision;
    c.mrr += reciprocal;
    kept[0].push_back(first);
    kept[1].push_back(s.average_precision);
    kept_labels.push_back(labels[i]);
  }
  if (m.queries == 0) return;
  const double n = static_cast<double>(m.queries);
  for (auto& [k, share] : m.recall) share /= n;
  for (double* sum : {&m.precision_at_1, &m.map_at_r, &m.r_precision, &m.mrr}) *sum /= n;
  std::map<std::int64_t, std::int64_t> numbers;
  for (auto& [label, c] : classes) {
    numbers.emplace(label, static_cast<std::int64_t>(numbers.size()));
    c.label = label;
    for (double* sum : {&c.recall_at_1, &c.map_at_r, &c.r_precision, &c.mrr}) *sum /= static_cast<double>(c.queries);
    m.macro_recall_at_1 += c.recall_at_1 / static_cast<double>(classes.size());
    m.macro_map_at_r += c.map_at_r / static_cast<double>(classes.size());
    m.classes.push_back(c);
  }
  if (bootstrap.samples == 0) return;
  for (std::int64_t& y : kept_labels) y = numbers[y];
  const std::vector<Interval> intervals = bootstrap_intervals(kept, kept_labels, bootstrap);
  m.recall_at_1_interval = intervals[0];
  m.map_at_r_interval = intervals[1];
  m.interval_level = bootstrap.level;
}

/// Keeps the scores of options.sample_queries queries, in their order.
void draw_queries(const RetrievalOptions& options, std::vector<QueryScore>& scores, Labels& labels) {
  const std::int64_t n = static_cast<std::int64_t>(scores.size());
  if (options.sample_queries >= n) return;
  std::vector<std::int64_t> drawn(scores.size());
  for (std::int64_t i = 0; i < n; ++i) drawn[i] = i;
  Generator g = Generator::of({options.sample_seed, 0x71756572696573ull});  // "queries"
  g.shuffle(drawn);
  drawn.resize(static_cast<std::size_t>(options.sample_queries));
  std::sort(drawn.begin(), drawn.end());
  for (std::size_t i = 0; i < drawn.size(); ++i) scores[i] = scores[drawn[i]], labels[i] = labels[drawn[i]];
  scores.resize(drawn.size());
  labels.resize(drawn.size());
}

}  // namespace

RetrievalMetrics evaluate_retrieval(const Tensor& query, const Labels& query_labels, const Tensor& gallery,
                                    const Labels& gallery_labels, const RetrievalOptions& options) {
  const Tensor q = query.defined() ? query.contiguous() : query, g = gallery.defined() ? gallery.contiguous() : gallery;
  check_side("query", q, query_labels);
  check_side("gallery", g, gallery_labels);
  check_arguments(q, g, options);

  RetrievalMetrics m;
  m.gallery = g.dim(0);
  for (std::int64_t k : options.recall_at) m.recall[k] = 0;
  if (q.dim(0) == 0 || g.dim(0) == 0) {
    m.lone_queries = q.dim(0);
    return m;
  }
  const LeftOut left_out(options.self_gallery, options.own, q.dim(0));
  const ComparableRows rows = comparable_rows(q, g);
  std::vector<QueryScore> scores =
      rank_queries({rows.query, rows.gallery, query_labels, gallery_labels, left_out, options.block, options.progress});
  Labels labels = query_labels;
  if (options.sample_queries > 0) draw_queries(options, scores, labels);
  average(scores, labels, options.bootstrap, m);
  return m;
}

}  // namespace fledge
