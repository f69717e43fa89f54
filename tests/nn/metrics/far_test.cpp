// Embeddings that float32 cannot hold: far from the origin, whole numbers, clusters far apart. Ranks, distances, rank
// and clusters are those of the plain program in double.
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/metrics/clustering.h"
#include "nn/metrics/retrieval.h"
#include "nn/metrics/spread.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/metrics/brute.h"

using namespace fledge;
using namespace fledge::test;
using Labels = std::vector<std::int64_t>;

namespace {

struct Rows {
  std::vector<double> x;
  Labels labels;
  std::int64_t d;
  Tensor tensor() const { return from_vector(x, {static_cast<std::int64_t>(labels.size()), d}); }
};

/// Overlapping classes around the origin.
Rows rows_of(std::int64_t n, std::int64_t d, std::int64_t classes, std::uint64_t seed) {
  Generator g(7), noise(seed);
  std::vector<double> centers;
  for (std::int64_t i = 0; i < classes * d; ++i) centers.push_back(g.normal());
  Rows r{{}, {}, d};
  for (std::int64_t i = 0; i < n; ++i) {
    r.labels.push_back(noise.below(classes));
    for (std::int64_t k = 0; k < d; ++k) r.x.push_back(centers[r.labels[i] * d + k] + 1.2 * noise.normal());
  }
  return r;
}

/// Every second class moved away by `far`, all by `offset`.
Rows moved(Rows r, double offset, double far) {
  for (std::size_t i = 0; i < r.x.size(); ++i)
    r.x[i] += offset + (r.labels[i / static_cast<std::size_t>(r.d)] % 2 ? far : 0);
  return r;
}

void check_far(const RetrievalMetrics& got, const RetrievalMetrics& expected) {
  CHECK(got.recall == expected.recall);
  CHECK(got.values.at("map@r") == Approx(expected.values.at("map@r")).epsilon(1e-13));
  CHECK(got.values.at("r_precision") == Approx(expected.values.at("r_precision")).epsilon(1e-13));
  CHECK(got.values.at("mrr") == Approx(expected.values.at("mrr")).epsilon(1e-13));
  CHECK(got.queries == expected.queries);
}

}  // namespace

TEST_CASE("float64 far from the origin ranks like the plain program in double", "[metrics]") {
  for (const std::int64_t d : {5, 300})
    for (const double offset : {1e3, -1e6, 1e9, 1e12})
      for (const double far : {0.0, 1e5, 1e8}) {
        INFO(d << " numbers, offset " << offset << ", classes apart " << far);
        const Rows q = moved(rows_of(120, d, 9, 1), offset, far), g = moved(rows_of(150, d, 9, 2), offset, far);
        const Tensor x = q.tensor(), y = g.tensor();
        RetrievalOptions o{.recall_at = {1, 3, 20}, .block = 32};
        check_far(evaluate_retrieval(x, q.labels, x, q.labels, o), brute_force_retrieval(x, q.labels, x, q.labels, o));
        o.self_gallery = false;
        check_far(evaluate_retrieval(x, q.labels, y, g.labels, o), brute_force_retrieval(x, q.labels, y, g.labels, o));
      }
}

TEST_CASE("float64 at the ends of its range ranks like itself in the middle", "[metrics]") {
  const Rows r = rows_of(80, 4, 6, 3);
  const RetrievalOptions o{.recall_at = {1, 4}};
  const RetrievalMetrics plain = evaluate_retrieval(r.tensor(), r.labels, r.tensor(), r.labels, o);
  for (const int exponent : {-900, -400, 400, 1000}) {
    Rows scaled = r;
    for (double& v : scaled.x) v = std::ldexp(v, exponent);
    INFO(exponent);
    check_far(evaluate_retrieval(scaled.tensor(), r.labels, scaled.tensor(), r.labels, o), plain);
  }
}

TEST_CASE("float64 of two ranges, of which the squares fit in none, is refused by row", "[metrics]") {
  const Rows r = rows_of(80, 4, 6, 3);
  const RetrievalOptions o{.recall_at = {1, 4}};
  for (const double other : {1e200, -1e250}) {
    Rows mixed = r;
    mixed.x[7 * 4 + 2] = other;
    const Tensor x = mixed.tensor();
    CHECK_THROWS_WITH(evaluate_retrieval(x, r.labels, x, r.labels, o), Catch::Contains("row 0 of the gallery reaches"));
    RetrievalOptions apart = o;
    apart.self_gallery = false;
    CHECK_THROWS_WITH(evaluate_retrieval(r.tensor(), r.labels, x, r.labels, apart), Catch::Contains("of the gallery"));
    CHECK_THROWS_WITH(evaluate_retrieval(x, r.labels, r.tensor(), r.labels, apart), Catch::Contains("another one"));
  }
  Rows large = r;  // as far as squares go, both ranges count
  large.x[7 * 4 + 2] = 1e130;
  check_far(evaluate_retrieval(large.tensor(), r.labels, large.tensor(), r.labels, o),
            brute_force_retrieval(large.tensor(), r.labels, large.tensor(), r.labels, o));
}

TEST_CASE("own pictures are passed over as though they were not there", "[metrics]") {
  // Whole numbers of few values: copies and ties everywhere. The oracle removes the rows for one query at a time.
  for (const bool self : {false, true})
    for (const std::int64_t classes : {2, 12}) {
      Generator g(11);
      const std::int64_t n = 90, d = 2;
      std::vector<float> x;
      Labels y;
      for (std::int64_t i = 0; i < n; ++i) {
        y.push_back(g.below(classes));
        for (std::int64_t k = 0; k < d; ++k) x.push_back(static_cast<float>(g.below(3)));
      }
      const Tensor rows = from_vector(x, {n, d});
      RetrievalOptions o{.recall_at = {1, 2, 5}, .self_gallery = self, .block = 16, .own = {}};
      o.own.resize(n);
      for (std::int64_t q = 0; q < n; ++q)
        for (std::int64_t i = g.below(40); i > 0; --i) o.own[q].push_back(static_cast<std::int32_t>(g.below(n)));
      const RetrievalMetrics got = evaluate_retrieval(rows, y, rows, y, o);
      std::map<std::int64_t, double> recall;
      double map = 0;
      std::int64_t counted = 0;
      for (std::int64_t q = 0; q < n; ++q) {
        std::vector<float> left;
        Labels left_labels;
        for (std::int64_t i = 0; i < n; ++i) {
          if ((self && i == q) || std::count(o.own[q].begin(), o.own[q].end(), i)) continue;
          left.insert(left.end(), x.begin() + i * d, x.begin() + (i + 1) * d);
          left_labels.push_back(y[i]);
        }
        const auto m = static_cast<std::int64_t>(left_labels.size());
        const RetrievalMetrics one =
            brute_force_retrieval(rows.slice(0, q, 1), {y[q]}, from_vector(left, {m, d}), left_labels,
                                  {.recall_at = {1, 2, 5}, .self_gallery = false});
        counted += one.queries;
        for (const auto& [k, share] : one.recall) recall[k] += share;
        map += one.values.at("map@r");
      }
      CHECK(got.queries == counted);
      for (const auto& [k, share] : recall) CHECK(got.recall.at(k) == Approx(share / static_cast<double>(counted)));
      CHECK(got.values.at("map@r") == Approx(map / static_cast<double>(counted)));
    }
}

TEST_CASE("distances, rank and clusters far from the origin", "[metrics]") {
  const Rows near = rows_of(200, 6, 4, 5);
  const EmbeddingRank rank = embedding_rank(near.tensor());
  for (const double offset : {1e6, 1e9}) {
    INFO(offset);
    const Tensor far = moved(near, offset, 0).tensor();
    CHECK(embedding_rank(far).effective == Approx(rank.effective).epsilon(1e-5));
    CHECK(k_means(far, {.k = 4}).labels == k_means(near.tensor(), {.k = 4}).labels);
    for (const double apart : {0.0, 1e7}) {
      const Tensor x = moved(near, offset, apart).tensor();
      const auto [positive, negative] = brute_force_distances(x, near.labels);
      const MeanDistances m = mean_distances(x, near.labels);
      CHECK(m.positive == Approx(positive).epsilon(1e-3));
      CHECK(m.negative == Approx(negative).epsilon(1e-3));
    }
  }
}

TEST_CASE("k-means tells apart clusters that lie close to each other and far from a lone row", "[metrics]") {
  std::vector<double> x;
  for (int i = 0; i < 40; ++i) x.push_back(1e9 + (i % 2) * 10 + 0.1 * (i % 5));
  x.push_back(-3e9);
  const std::vector<std::int64_t> found = k_means(from_vector(x, {41, 1}), {.k = 3, .starts = 5}).labels;
  for (int i = 2; i < 40; ++i) CHECK(found[i] == found[i % 2]);
  CHECK(found[0] != found[1]);
}
