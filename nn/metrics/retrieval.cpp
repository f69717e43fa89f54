#include "nn/metrics/retrieval.h"

#include <algorithm>
#include <numeric>

#include "nn/metrics/bootstrap.h"
#include "nn/metrics/metric_table.h"
#include "nn/retrieval/ranking.h"
#include "nn/retrieval/rows.h"
#include "tensor/finite.h"
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
  if (const auto bad = first_unsound(x))
    throw Error(ErrorKind::Numeric, "evaluate_retrieval",
                std::string(side) + " row " + std::to_string(bad->index[0]) + " holds " + std::to_string(bad->value),
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

/// What is kept of every query.
class QueryScores {
 public:
  explicit QueryScores(std::int64_t queries) : before_(queries, kLone) {
    for (const Metric& m : metric_table())
      if (m.of) metrics_.push_back(&m);
    values_.resize(static_cast<std::size_t>(queries) * metrics_.size());
  }

  /// Queries may be put in by several threads at once.
  void put(std::int64_t query, const QueryRanking& ranking) {
    before_[query] = ranking.before;
    for (std::size_t k = 0; k < metrics_.size(); ++k)
      values_[static_cast<std::size_t>(query) * metrics_.size() + k] = metrics_[k]->of(ranking);
  }

  const std::vector<const Metric*>& metrics() const { return metrics_; }
  bool is_lone(std::int64_t query) const { return before_[query] == kLone; }
  std::int64_t before(std::int64_t query) const { return before_[query]; }
  double value(std::int64_t query, std::size_t metric) const {
    return values_[static_cast<std::size_t>(query) * metrics_.size() + metric];
  }

 private:
  static constexpr std::int64_t kLone = -1;
  std::vector<const Metric*> metrics_;
  std::vector<std::int64_t> before_;
  std::vector<double> values_;  // query after query
};

void add_intervals(const QueryScores& scores, const Labels& counted, const Labels& groups,
                   const BootstrapOptions& bootstrap, RetrievalMetrics& m) {
  std::vector<std::vector<double>> columns;
  std::vector<const char*> names;
  for (std::size_t k = 0; k < scores.metrics().size(); ++k) {
    if (!scores.metrics()[k]->interval) continue;
    names.push_back(scores.metrics()[k]->own_name());
    columns.emplace_back();
    for (const std::int64_t q : counted) columns.back().push_back(scores.value(q, k));
  }
  const std::vector<Interval> intervals = bootstrap_intervals(columns, groups, bootstrap);
  for (std::size_t c = 0; c < names.size(); ++c) m.intervals[names[c]] = intervals[c];
  m.interval_level = bootstrap.level;
}

/// The means over the given queries and over their classes.
void average(const QueryScores& scores, const Labels& queries, const Labels& labels, const BootstrapOptions& bootstrap,
             RetrievalMetrics& m) {
  const std::vector<const Metric*>& metrics = scores.metrics();
  struct Sums {
    std::int64_t queries = 0;
    std::vector<double> values;
  };
  Sums all{0, std::vector<double>(metrics.size())};
  std::map<std::int64_t, Sums> classes;
  Labels counted;
  for (const std::int64_t q : queries) {
    if (scores.is_lone(q)) {
      ++m.lone_queries;
      continue;
    }
    counted.push_back(q);
    for (auto& [k, share] : m.recall) share += scores.before(q) < k;
    Sums& own = classes.try_emplace(labels[q], Sums{0, std::vector<double>(metrics.size())}).first->second;
    ++own.queries;
    for (std::size_t k = 0; k < metrics.size(); ++k) {
      all.values[k] += scores.value(q, k);
      own.values[k] += scores.value(q, k);
    }
  }
  m.queries = static_cast<std::int64_t>(counted.size());
  const double n = static_cast<double>(std::max<std::int64_t>(m.queries, 1)),
               class_count = static_cast<double>(classes.size());
  for (auto& [k, share] : m.recall) share /= n;
  for (std::size_t k = 0; k < metrics.size(); ++k) {
    m.values[metrics[k]->key] = all.values[k] / n;
    if (metrics[k]->over_classes) m.values[metrics[k]->over_classes_key()] = 0;
  }
  std::map<std::int64_t, std::int64_t> numbers;
  for (const auto& [label, sums] : classes) {
    numbers.emplace(label, static_cast<std::int64_t>(numbers.size()));
    ClassMetrics& c = m.classes.emplace_back(ClassMetrics{label, sums.queries, {}});
    for (std::size_t k = 0; k < metrics.size(); ++k) {
      const double mean = c.values[metrics[k]->own_name()] = sums.values[k] / static_cast<double>(sums.queries);
      if (metrics[k]->over_classes) m.values[metrics[k]->over_classes_key()] += mean / class_count;
    }
  }
  if (bootstrap.samples == 0 || m.queries == 0) return;
  Labels groups;
  for (const std::int64_t q : counted) groups.push_back(numbers[labels[q]]);
  add_intervals(scores, counted, groups, bootstrap, m);
}

/// All queries, or options.sample_queries of them, in their order.
Labels drawn_queries(const RetrievalOptions& options, std::int64_t n) {
  Labels drawn(static_cast<std::size_t>(n));
  std::iota(drawn.begin(), drawn.end(), 0);
  if (options.sample_queries <= 0 || options.sample_queries >= n) return drawn;
  Generator g = Generator::of({options.sample_seed, 0x71756572696573ull});  // "queries"
  g.shuffle(drawn);
  drawn.resize(static_cast<std::size_t>(options.sample_queries));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
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
  QueryScores scores(q.dim(0));
  if (q.dim(0) > 0 && g.dim(0) > 0) {
    const LeftOut left_out(options.self_gallery, options.own, q.dim(0));
    const ComparableRows rows = comparable_rows(q, g);
    rank_queries({rows.query, rows.gallery, query_labels, gallery_labels, left_out, options.block, options.progress},
                 [&](std::int64_t query, const QueryRanking& ranking) { scores.put(query, ranking); });
  }
  average(scores, drawn_queries(options, q.dim(0)), query_labels, options.bootstrap, m);
  return m;
}

}  // namespace fledge
