#include "nn/metrics/retrieval.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "nn/metrics/nearest.h"
#include "tensor/context.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;

[[noreturn]] void usage(const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::Usage, "evaluate_retrieval", problem, hint);
}

void check_side(const char* side, const Tensor& x, const Labels& labels) {
  if (!x.defined() || x.rank() != 2 || x.dim(1) < 1 || x.dtype() != DType::Float32)
    usage(std::string(side) + " must be N,D float32: " + (x.defined() ? describe(x) : std::string("undefined")));
  if (x.dim(0) != static_cast<std::int64_t>(labels.size()))
    usage(std::string(side) + " has " + std::to_string(x.dim(0)) + " rows but " + std::to_string(labels.size()) +
          " labels");
  const float* v = x.data<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i)
    if (!std::isfinite(v[i]))
      throw Error(ErrorKind::Numeric, "evaluate_retrieval",
                  std::string(side) + " row " + std::to_string(i / x.dim(1)) + " holds " + std::to_string(v[i]),
                  "the model's weights or that picture are broken: look at the row's input");
}

void check_arguments(const Tensor& query, const Tensor& gallery, const RetrievalOptions& o) {
  if (query.dim(1) != gallery.dim(1))
    usage("query and gallery embeddings differ in size: " + describe(query) + " and " + describe(gallery),
          "use one model for both");
  if (o.self_gallery && query.dim(0) != gallery.dim(0))
    usage("self_gallery is set, but the query has " + std::to_string(query.dim(0)) + " rows and the gallery " +
              std::to_string(gallery.dim(0)),
          "set self_gallery to false for a separate gallery");
  if (o.block < 1) usage("block is " + std::to_string(o.block), "it must be at least 1");
  for (std::int64_t k : o.recall_at)
    if (k < 1) usage("recall at " + std::to_string(k), "K counts from 1");
}

/// The common shift and scale of both sides. Any shift leaves distances as they are; this one makes the rows short.
struct Frame {
  std::vector<double> centre;
  double scale = 1;
};

Frame frame_of(const Tensor& query, const Tensor& gallery) {
  const std::int64_t d = gallery.dim(1);
  Frame frame{std::vector<double>(d, 0.0)};
  const float* v = gallery.data<float>();
  for (std::int64_t i = 0; i < gallery.numel(); ++i) frame.centre[i % d] += v[i] / static_cast<double>(gallery.dim(0));
  double largest = 0;
  for (const Tensor* side : {&query, &gallery})
    for (std::int64_t i = 0; i < side->numel(); ++i)
      largest = std::max(largest, std::abs(side->data<float>()[i] - frame.centre[i % d]));
  if (largest > 0) frame.scale = std::exp2(-std::ceil(std::log2(largest)));
  return frame;
}

struct Side {
  Tensor rows;  // in the frame
  RowSizes sizes;
};

Side in_frame(const Tensor& x, const Frame& frame) {
  const std::int64_t n = x.dim(0), d = x.dim(1);
  Side side{Tensor::empty(x.dims()), {std::vector<float>(n), std::vector<float>(n), {}}};
  const float* from = x.data<float>();
  float* to = side.rows.data<float>();
  for (std::int64_t r = 0; r < n; ++r) {
    double squares = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      const float v = static_cast<float>((from[r * d + k] - frame.centre[k]) * frame.scale);
      to[r * d + k] = v;
      squares += static_cast<double>(v) * v;
    }
    side.sizes.squares[r] = static_cast<float>(squares);
    side.sizes.lengths[r] = static_cast<float>(std::sqrt(squares));
  }
  return side;
}

struct Score {
  std::int64_t before = -1;  // gallery pictures before the first relevant one; -1: not among the kept
  double average_precision = 0, r_precision = 0;
};

class Evaluation {
 public:
  Evaluation(const Tensor& query, const Labels& query_labels, const Tensor& gallery, const Labels& gallery_labels,
             const RetrievalOptions& options)
      : query_(query),
        gallery_(gallery),
        query_labels_(query_labels),
        gallery_labels_(gallery_labels),
        options_(options) {
    for (std::int64_t y : gallery_labels) ++class_sizes_[y];
    for (std::int64_t k : options.recall_at) largest_k_ = std::max(largest_k_, k);
  }

  std::vector<Score> run() const {
    const Frame frame = frame_of(query_, gallery_);
    Side gallery = in_frame(gallery_, frame);
    gallery.sizes.twins_before = count_twins(gallery_.data<float>(), gallery_.dim(0), gallery_.dim(1));
    const Side query = query_.raw() == gallery_.raw() ? gallery : in_frame(query_, frame);
    const std::int64_t n = query_.dim(0);
    std::vector<Score> scores(n);
    std::vector<NearestList> lists(std::min(options_.block, n));
    for (std::int64_t first = 0; first < n; first += options_.block) {
      const std::int64_t count = std::min(options_.block, n - first);
      search_block(query, gallery, first, count, lists);
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
      for (std::int64_t i = 0; i < count; ++i)
        if (relevant(first + i) > 0) scores[first + i] = score(lists[i], first + i);
      if (options_.progress) options_.progress(first + count, n);
    }
    return scores;
  }

  /// Gallery pictures of the query's class, itself left out.
  std::int64_t relevant(std::int64_t query) const {
    const auto found = class_sizes_.find(query_labels_[query]);
    const std::int64_t size = found == class_sizes_.end() ? 0 : found->second;
    const bool counts_itself = options_.self_gallery && gallery_labels_[query] == query_labels_[query];
    return size - counts_itself;
  }

 private:
  void search_block(const Side& query, const Side& gallery, std::int64_t first, std::int64_t count,
                    std::vector<NearestList>& lists) const {
    const std::int64_t m = gallery_.dim(0), d = gallery_.dim(1);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t q = first + i;
      lists[i].start({query_.data<float>() + q * d, query.sizes.squares[q], query.sizes.lengths[q]},
                     gallery_.data<float>(), d, gallery.sizes, std::min(m, std::max(largest_k_, relevant(q))),
                     options_.self_gallery ? q : -1);
    }
    const Tensor rows = query.rows.slice(0, first, count);
    for (std::int64_t start = 0; start < m; start += options_.block) {
      const std::int64_t width = std::min(options_.block, m - start);
      const Tensor products = matmul(rows, gallery.rows.slice(0, start, width), false, true).contiguous();
      const float* p = products.data<float>();
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
      for (std::int64_t i = 0; i < count; ++i)
        if (relevant(first + i) > 0) lists[i].offer(p + i * width, start, width);
    }
  }

  Score score(const NearestList& list, std::int64_t query) const {
    const auto hit = [&](std::int64_t index) { return gallery_labels_[index] == query_labels_[query]; };
    Score s;
    s.before = list.items_before_first(hit);
    const std::int64_t r = relevant(query);
    double hits = 0, sum = 0, place = 0;
    for (const ExactItem& item : list.nearest(r)) {
      ++place;
      if (!hit(item.index)) continue;
      ++hits;
      sum += hits / place;
    }
    s.average_precision = sum / static_cast<double>(r);
    s.r_precision = hits / static_cast<double>(r);
    return s;
  }

  const Tensor &query_, &gallery_;
  const Labels &query_labels_, &gallery_labels_;
  const RetrievalOptions& options_;
  std::unordered_map<std::int64_t, std::int64_t> class_sizes_;
  std::int64_t largest_k_ = 1;
};

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
  const Evaluation evaluation(q, query_labels, g, gallery_labels, options);
  if (q.dim(0) == 0 || g.dim(0) == 0) {
    m.lone_queries = q.dim(0);
    return m;
  }
  const std::vector<Score> scores = evaluation.run();
  for (std::int64_t i = 0; i < q.dim(0); ++i) {
    if (evaluation.relevant(i) == 0) {
      ++m.lone_queries;
      continue;
    }
    const Score& s = scores[i];
    ++m.queries;
    for (auto& [k, share] : m.recall) share += s.before >= 0 && s.before < k;
    m.precision_at_1 += s.before == 0;
    m.map_at_r += s.average_precision;
    m.r_precision += s.r_precision;
  }
  const double n = static_cast<double>(std::max<std::int64_t>(1, m.queries));
  for (auto& [k, share] : m.recall) share /= n;
  m.precision_at_1 /= n;
  m.map_at_r /= n;
  m.r_precision /= n;
  return m;
}

}  // namespace fledge
