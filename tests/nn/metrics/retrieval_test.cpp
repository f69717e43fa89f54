// Exact retrieval: against the plain way in double, and by hand; ties, copies,
// lone classes, tight clouds, bounded memory.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "nn/retrieval/bounds.h"
#include "nn/retrieval/nearest_list.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gemm.h"
#include "tensor/random.h"
#include "tests/nn/metrics/brute.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

using Labels = std::vector<std::int64_t>;

/// Rows around class centres. Small sums of squares of halves: distances are exact in double, so ties are real ties.
struct Set {
  Tensor rows;
  Labels labels;
};
Set clusters(std::int64_t n, std::int64_t d, std::int64_t classes, double noise, std::uint64_t seed) {
  Generator g(seed);
  const std::vector<float> centers = rand_normal({classes, d}, g).to_vector<float>();
  std::vector<float> x;
  Set set;
  for (std::int64_t i = 0; i < n; ++i) {
    set.labels.push_back(g.below(classes));
    for (std::int64_t k = 0; k < d; ++k)
      x.push_back(static_cast<float>(centers[set.labels[i] * d + k] + noise * g.normal()));
  }
  set.rows = from_vector(x, {n, d});
  return set;
}
/// Whole numbers in 0..2 of few dimensions: nearly every distance is tied, many rows are copies.
Set grid(std::int64_t n, std::int64_t d, std::int64_t classes, std::uint64_t seed) {
  Generator g(seed);
  std::vector<float> x;
  Set set;
  for (std::int64_t i = 0; i < n; ++i) {
    set.labels.push_back(g.below(classes) * 7 - 3);  // labels may be any numbers
    for (std::int64_t k = 0; k < d; ++k) x.push_back(static_cast<float>(g.below(3)));
  }
  set.rows = from_vector(x, {n, d});
  return set;
}

void check_same(const RetrievalMetrics& got, const RetrievalMetrics& expected) {
  CHECK(got.recall == expected.recall);
  CHECK(got.values.at("precision@1") == expected.values.at("precision@1"));
  CHECK(got.values.at("map@r") == Approx(expected.values.at("map@r")).epsilon(1e-13));
  CHECK(got.values.at("r_precision") == Approx(expected.values.at("r_precision")).epsilon(1e-13));
  CHECK(got.values.at("mrr") == Approx(expected.values.at("mrr")).epsilon(1e-13));
  CHECK(got.queries == expected.queries);
  CHECK(got.lone_queries == expected.lone_queries);
  CHECK(got.gallery == expected.gallery);
}
/// Both ways of search: each pair once where gallery and queries are one tensor, else every query with everything.
void check_self(const Set& s, const RetrievalOptions& options) {
  const RetrievalMetrics expected = brute_force_retrieval(s.rows, s.labels, s.rows, s.labels, options);
  check_same(evaluate_retrieval(s.rows, s.labels, s.rows, s.labels, options), expected);
  check_same(evaluate_retrieval(s.rows, s.labels, s.rows.clone(), s.labels, options), expected);
}

}  // namespace

TEST_CASE("retrieval by hand", "[metrics]") {
  // On a line; two classes A (1) and B (2), and a lone class.
  const Tensor x = from_vector(std::vector<float>{0, 1, 3, 3.5f, 10, 4.2f}, {6, 1});
  const Labels y = {1, 1, 1, 2, 9, 2};
  const RetrievalMetrics m = evaluate_retrieval(x, y, x, y, {.recall_at = {1, 2, 4, 8}});
  CHECK(m.queries == 5);
  CHECK(m.lone_queries == 1);
  CHECK(m.gallery == 6);
  // First hits at places: 0: 1; 1: 1; 3: 2 (after 3.5), or 4.2 at 1.2 before 1 at 2: 3; 3.5: 2 (3 first); 4.2: 1.
  CHECK(m.recall.at(1) == Approx(3.0 / 5));
  CHECK(m.recall.at(2) == Approx(4.0 / 5));
  CHECK(m.recall.at(4) == 1);
  CHECK(m.recall.at(8) == 1);  // K beyond the gallery
  CHECK(m.values.at("precision@1") == Approx(3.0 / 5));
  // R = 2 for A: rows 0: hit hit -> 1; 1: hit hit -> 1; 3: miss miss -> 0. R = 1 for B: 0 and 1.
  CHECK(m.values.at("map@r") == Approx((1 + 1 + 0 + 0 + 1) / 5.0));
  CHECK(m.values.at("r_precision") == Approx(3.0 / 5));
}

TEST_CASE("MAP@R weighs places", "[metrics]") {
  const Tensor q = from_vector(std::vector<float>{0}, {1, 1}), g = from_vector(std::vector<float>{1, 2, 3, 4}, {4, 1});
  const RetrievalMetrics m = evaluate_retrieval(q, {5}, g, {0, 5, 5, 5}, {.recall_at = {1, 2}, .self_gallery = false});
  CHECK(m.values.at("map@r") == Approx((0 + 1.0 / 2 + 2.0 / 3) / 3));
  CHECK(m.values.at("r_precision") == Approx(2.0 / 3));
  CHECK(m.recall.at(1) == 0);
  CHECK(m.recall.at(2) == 1);
}

TEST_CASE("ties are broken by gallery index", "[metrics]") {
  const Tensor q = zeros({1, 3}), g = ones({4, 3});  // all at one distance
  const RetrievalOptions options{.recall_at = {1, 2, 3}, .self_gallery = false};
  CHECK(evaluate_retrieval(q, {1}, g, {1, 0, 0, 0}, options).recall.at(1) == 1);
  const RetrievalMetrics third = evaluate_retrieval(q, {1}, g, {0, 0, 1, 0}, options);
  CHECK(third.recall.at(2) == 0);
  CHECK(third.recall.at(3) == 1);
}

TEST_CASE("retrieval equals the plain way in double", "[metrics]") {
  for (const std::int64_t block : {1, 7, 64, 1024}) {
    INFO("block " << block);
    const RetrievalOptions options{.recall_at = {1, 2, 3, 8, 1000}, .block = block};
    check_self(clusters(150, 5, 12, 1.2, 1), options);
    check_self(clusters(90, 1, 40, 0.5, 2), options);  // lone classes
    check_self(grid(150, 3, 6, 3), options);           // ties and copies everywhere
    check_self(grid(60, 2, 50, 4), options);
  }
  Set large = clusters(700, 64, 20, 3, 5);
  large.rows = l2_normalize(large.rows).y;
  check_self(large, {.recall_at = {1, 10, 100}, .block = 256});
}

TEST_CASE("a separate gallery", "[metrics]") {
  const Set q = clusters(60, 6, 9, 1.5, 6), g = grid(130, 6, 3, 7);
  Labels labels;
  for (std::int64_t y : q.labels) labels.push_back(y * 7 - 3);  // classes 3 to 8 are not in the gallery
  const RetrievalOptions options{.recall_at = {1, 5, 500}, .self_gallery = false, .block = 32};
  const RetrievalMetrics m = evaluate_retrieval(q.rows, labels, g.rows, g.labels, options);
  CHECK(m.lone_queries > 0);
  CHECK(m.queries + m.lone_queries == 60);
  check_same(m, brute_force_retrieval(q.rows, labels, g.rows, g.labels, options));
}

TEST_CASE("the same pictures seen by another model: each query leaves its own row out", "[metrics]") {
  const Set q = clusters(120, 6, 9, 1.5, 21);
  Set g = clusters(120, 6, 9, 1.5, 22);
  g.labels = q.labels;
  const RetrievalOptions options{.recall_at = {1, 3}, .block = 32};
  check_same(evaluate_retrieval(q.rows, q.labels, g.rows, g.labels, options),
             brute_force_retrieval(q.rows, q.labels, g.rows, g.labels, options));
}

TEST_CASE("large classes, and one class only", "[metrics]") {
  for (const std::int64_t classes : {1, 2, 3}) {
    check_self(clusters(400, 8, classes, 1.5, 23), {.recall_at = {1, 2}, .block = 100});
    check_self(grid(400, 3, classes, 24), {.recall_at = {1, 2}, .block = 100});
  }
}

TEST_CASE("a tight cluster beside a far one: what float32 cannot tell apart is computed in double", "[metrics]") {
  // The far row sets the scale; within the cluster all products round to nearly the same number.
  Set s = clusters(160, 8, 10, 1, 25);
  std::vector<float> x = s.rows.to_vector<float>();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i < 8 ? 1000.0f : 1 + 1e-4f * x[i];
  s.rows = from_vector(x, s.rows.dims());
  check_self(s, {.recall_at = {1, 2, 5}, .block = 64});
}

TEST_CASE("a tight cloud far from the origin keeps its order", "[metrics]") {
  // Distances of 1e-3 between rows of length 1e3: in float32 |q|^2 + |g|^2 - 2qg would be noise of size 0.1.
  Set s = clusters(200, 8, 10, 1, 8);
  const Tensor raw = s.rows;
  std::vector<float> x = raw.to_vector<float>();
  for (float& v : x) v = 400 + 1e-3f * v;
  s.rows = from_vector(x, raw.dims());
  check_self(s, {.recall_at = {1, 4}});
}

TEST_CASE("distances that differ in the last digits are told apart", "[metrics]") {
  // Gallery rows at distance 1 from the query, nudged by multiples of one ulp of float32, in random order.
  Generator g(9);
  std::vector<float> x(64, 0.0f);  // the query
  std::vector<std::int64_t> nudge(40);
  for (int i = 0; i < 40; ++i) nudge[i] = i;
  g.shuffle(nudge);
  Labels labels;
  std::vector<float> rows;
  for (std::int64_t n : nudge) {
    std::vector<float> row(64, 0.125f);
    for (std::int64_t k = 0; k < n; ++k) row[k] = std::nextafter(0.125f, 1.0f);
    rows.insert(rows.end(), row.begin(), row.end());
    labels.push_back(n == 17 ? 1 : 0);
  }
  const RetrievalMetrics m = evaluate_retrieval(from_vector(x, {1, 64}), {1}, from_vector(rows, {40, 64}), labels,
                                                {.recall_at = {17, 18}, .self_gallery = false});
  CHECK(m.recall.at(17) == 0);
  CHECK(m.recall.at(18) == 1);
}

TEST_CASE("extreme sizes neither overflow nor vanish", "[metrics]") {
  for (const float scale : {1e-30f, 1e-22f, 1e18f, 3e37f}) {
    INFO(scale);
    Set s = grid(60, 4, 5, 10);
    std::vector<float> x = s.rows.to_vector<float>();
    for (float& v : x) v *= scale;
    s.rows = from_vector(x, s.rows.dims());
    check_self(s, {.recall_at = {1, 3}});
  }
}

TEST_CASE("the result does not depend on the number of threads", "[metrics]") {
  const Set s = clusters(300, 16, 12, 2, 11);
  const int before = num_threads();
  set_num_threads(1);
  const RetrievalMetrics one = evaluate_retrieval(s.rows, s.labels, s.rows, s.labels);
  set_num_threads(2);
  const RetrievalMetrics two = evaluate_retrieval(s.rows, s.labels, s.rows, s.labels);
  set_num_threads(before);
  CHECK(one.recall == two.recall);
  CHECK(one.values.at("map@r") == two.values.at("map@r"));
}

TEST_CASE("a list of nearest items stays small whatever comes", "[metrics]") {
  // Far items first, then ever nearer ones (each enters), then thousands of copies of one row.
  const std::int64_t n = 6000, d = 4, keep = 5, limit = 40;
  std::vector<float> values(n * d);
  for (std::int64_t i = 0; i < n; ++i) values[i * d] = i < 3000 ? 1.0f - 1e-4f * static_cast<float>(i) : 0.5f;
  // A frame that changes nothing: the query is the origin, so that every product is 0.
  const Frame plain{std::vector<double>(d, 0.0), 1};
  const FramedRows query = in_frame(zeros({1, d}), plain);
  FramedRows gallery = in_frame(from_vector(values, {n, d}), plain);
  gallery.twins_before.assign(n, 0);  // twins not known: distances alone must tell
  NearestList list;
  list.start(query, 0, gallery, keep, limit);
  std::size_t most = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    list.offer(0, i);
    most = std::max(most, list.size());
  }
  CHECK(most <= limit);
  CHECK(list.threshold() == Approx(0.25));
  // 0.5 exactly is the row of every copy; the ramp's end lies at 0.7.
  const std::vector<Neighbor> nearest = list.nearest(keep);
  REQUIRE(nearest.size() == keep);
  for (std::int64_t i = 0; i < keep; ++i) CHECK(nearest[i].row == 3000 + i);
}

TEST_CASE("an embedding collapsed to few points is ranked by index and takes no longer", "[metrics]") {
  const auto collapsed = [](std::int64_t n, std::int64_t d, std::int64_t points) {
    Set s = clusters(n, d, 30, 1, 14);
    std::vector<float> x = s.rows.to_vector<float>();
    for (std::int64_t i = 0; i < n * d; ++i) x[i] = x[(i / d % points) * d + i % d];
    s.rows = from_vector(x, {n, d});
    return s;
  };
  for (const std::int64_t points : {1, 2, 5})
    check_self(collapsed(300, 6, points), {.recall_at = {1, 2, 9}, .block = 64});
  FramedRows rows = in_frame(from_vector(std::vector<float>{1, 2, 1, 2, 1, 1, 1, 2}, {4, 2}), {{0, 0}, 1});
  find_twins(rows);
  CHECK(rows.twins_before == std::vector<std::int32_t>{0, 1, 0, 2});
  CHECK(rows.first_twin == std::vector<std::int32_t>{0, 0, 2, 0});
}

TEST_CASE("limits hold whatever the rounding", "[metrics]") {
  // Rows of 64 numbers in float32, their products summed in float32: a product that the limits call certainly nearer
  // is nearer in double, and one that they call certainly not nearer is not.
  Generator g(27);
  for (const double spread : {1.0, 1e-3, 1e-6}) {
    const std::int64_t n = 60, d = 64;
    const Tensor x = rand_normal({n, d}, g, 0, spread);
    const FramedRows rows = in_frame(x, frame_of(x, x));
    const Tensor products = matmul(rows.framed, rows.framed, false, true);
    const double scale = rows.scale * rows.scale;
    const Slack slack = float32_slack(d);
    for (std::int64_t q = 0; q < n; ++q)
      for (std::int64_t t = 0; t < n; ++t)
        for (std::int64_t i = 0; i < n; ++i) {
          const double limit = exact_squared_distance(rows.original(q), rows.original(t), d);
          const double distance = exact_squared_distance(rows.original(q), rows.original(i), d);
          const float p = products.data<float>()[q * n + i];
          const bool certain =
              p > query_strict(rows.squares[q], limit * scale, slack) + item_strict(rows.squares[i], slack);
          const bool possible =
              p >= query_loose(rows.squares[q], limit * scale, slack) + item_loose(rows.squares[i], slack);
          if ((certain && !(distance < limit)) || (!possible && distance <= limit))
            FAIL("query " << q << ", limit " << t << ", item " << i << " at spread " << spread);
        }
  }
}

TEST_CASE("progress runs to the end", "[metrics]") {
  const Set s = grid(25, 2, 3, 12);
  std::vector<std::int64_t> done;
  evaluate_retrieval(s.rows, s.labels, s.rows, s.labels,
                     {.block = 10, .progress = [&](std::int64_t now, std::int64_t total) {
                        CHECK(total == 25);
                        done.push_back(now);
                      }});
  CHECK(done == std::vector<std::int64_t>{10, 20, 25});
}

TEST_CASE("nothing to find: zeros and counts, not NaN", "[metrics]") {
  const Tensor x = from_vector(std::vector<float>{1, 2, 3}, {3, 1});
  const RetrievalMetrics lone = evaluate_retrieval(x, {1, 2, 3}, x, {1, 2, 3});
  CHECK(lone.queries == 0);
  CHECK(lone.lone_queries == 3);
  CHECK(lone.recall.at(1) == 0);
  CHECK(lone.values.at("map@r") == 0);
  const Tensor none = zeros({0, 1});
  CHECK(evaluate_retrieval(none, {}, none, {}).queries == 0);
  CHECK(evaluate_retrieval(x, {1, 2, 3}, none, {}, {.self_gallery = false}).lone_queries == 3);
}

TEST_CASE("bad arguments are refused", "[metrics]") {
  Set s = grid(6, 2, 2, 13);
  const auto run = [&](const Tensor& g, const Labels& y, RetrievalOptions o) {
    return evaluate_retrieval(s.rows, s.labels, g, y, o);
  };
  CHECK_THROWS_WITH(run(s.rows, {1, 2}, {}), Contains("6 rows but 2 labels"));
  CHECK_THROWS_WITH(run(zeros({6, 3}), s.labels, {}), Contains("6x2") && Contains("6x3"));
  CHECK_THROWS_WITH(run(zeros({5, 2}), Labels(5), {}), Contains("self_gallery"));
  CHECK_THROWS_WITH(run(s.rows, s.labels, {.recall_at = {0}}), Contains("recall at 0"));
  CHECK_THROWS_WITH(run(s.rows.to(DType::Float64), s.labels, {}), Contains("float32"));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor broken = s.rows.clone();
    broken.data<float>()[2 * 4 + 1] = bad;
    try {
      run(broken, s.labels, {});
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::Numeric);
      CHECK_THAT(e.what(), Contains("gallery row 4"));
    }
  }
}
