// Ranking by products of quantized rows: their bound holds for whatever rows, and what 16 bits cannot tell apart is
// ranked like the plain program does.
#include <catch2/catch.hpp>
#include <cfloat>
#include <cmath>

#include "nn/metrics/retrieval.h"
#include "nn/retrieval/quantized_rows.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"
#include "tests/nn/metrics/brute.h"

using namespace fledge;
using namespace fledge::test;
using Labels = std::vector<std::int64_t>;

namespace {

/// Rows that are hard to round: of one large number and many small ones, zero, tiny, of very different lengths.
/// Tiny ones do not change the last digit of a distance from others: its sum may be of any order.
std::vector<float> hard_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Generator g(seed);
  std::vector<float> x(static_cast<std::size_t>(n * d));
  for (std::int64_t i = 0; i < n; ++i) {
    const int kind = static_cast<int>(i % 7);
    const double length = kind == 1 ? 1e-3 : kind == 2 ? 1e-25 : kind == 3 ? 2e-45 : 1;
    for (std::int64_t k = 0; k < d; ++k) {
      double v = length * g.normal();
      if (kind == 4) v = k == i % d ? 1 : 1.5e-5 * (1 + g.uniform(0, 1));  // about half a unit
      if (kind == 5) v = 0;
      if (kind == 6) v = g.uniform(0, 1) < 0.5 ? -0.75 : 0.75;  // ties, whatever the order of a sum
      x[i * d + k] = static_cast<float>(v);
    }
  }
  return x;
}

void check_like_brute_force(const std::vector<float>& x, const Labels& labels, std::int64_t d) {
  const Tensor rows = from_vector(x, {static_cast<std::int64_t>(labels.size()), d});
  const auto half = static_cast<std::int64_t>(labels.size()) / 2;
  const Labels query_labels(labels.begin(), labels.begin() + half), gallery_labels(labels.begin() + half, labels.end());
  for (const bool self : {true, false}) {
    const Tensor query = self ? rows : rows.slice(0, 0, half);
    const Tensor gallery = self ? rows : rows.slice(0, half, rows.dim(0) - half);
    const Labels &q = self ? labels : query_labels, &g = self ? labels : gallery_labels;
    const RetrievalOptions o{.recall_at = {1, 2, 5, 20}, .self_gallery = self, .block = 32};
    const RetrievalMetrics got = evaluate_retrieval(query, q, gallery, g, o),
                           expected = brute_force_retrieval(query, q, gallery, g, o);
    CHECK(got.recall == expected.recall);
    for (const char* key : {"map@r", "r_precision", "mrr"})
      CHECK(got.values.at(key) == Approx(expected.values.at(key)).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("the bound of quantized products holds for every pair", "[metrics][quantized]") {
  for (const std::int64_t d : {1, 2, 33, 512}) {
    const std::int64_t n = 70;
    const Tensor x = from_vector(hard_rows(n, d, 5), {n, d});
    for (const bool in_a_frame : {true, false}) {
      const FramedRows rows = in_frame(x, in_a_frame ? frame_of(x, x) : Frame{std::vector<double>(d, 0.0), 1});
      const QuantizedRows q = quantized_rows(rows);
      CHECK(q.error <= std::sqrt(static_cast<double>(d)) / 63900);
      const Slack slack = quantized_slack(d, q.error);
      const Tensor products = quantized_products(q.codes, q.scales, q.codes, q.scales);
      const float* framed = rows.framed.data<float>();
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double exact = 0, squares = 0;
          for (std::int64_t k = 0; k < d; ++k) {
            const double a = framed[i * d + k], b = framed[j * d + k];
            exact += a * b, squares += a * a + b * b;
          }
          const double wrong = 2 * std::abs(products.data<float>()[i * n + j] - exact);
          if (!(wrong <= slack.share * squares + slack.least))
            FAIL(d << " numbers, rows " << i << " and " << j << ": " << wrong << " of " << squares);
        }
    }
  }
}

TEST_CASE("what 16 bits cannot tell apart is ranked like the plain program", "[metrics][quantized]") {
  // Near copies at distances from none to many times what the bound leaves open, of points of which one may be far out
  // and one is zero. All are multiples of 2^-16 below 2^7, so sums in double are exact and ties are ties.
  const std::int64_t d = 48;
  for (const double step : {0.0, 0x1p-16, 0x1p-13, 0x1p-10, 0x1p-7})
    for (const double far : {1.0, 64.0}) {
      INFO("near copies at " << step << ", one point in eight " << far << " times as far out");
      Generator g(19);
      std::vector<double> points;
      for (std::int64_t i = 0; i < 8 * d; ++i)
        points.push_back(static_cast<double>(g.below(2048) - 1024) * 0x1p-10 * (i < d ? far : i < 2 * d ? 0 : 1));
      std::vector<float> x;
      Labels labels;
      for (std::int64_t i = 0; i < 150; ++i) {
        const std::int64_t point = g.below(8);
        labels.push_back(g.below(10) < 7 ? point : g.below(12));
        for (std::int64_t k = 0; k < d; ++k)
          x.push_back(static_cast<float>(points[point * d + k] + step * static_cast<double>(g.below(3))));
      }
      check_like_brute_force(x, labels, d);
    }
}

TEST_CASE("rows that are hard to round are ranked like the plain program", "[metrics][quantized]") {
  for (const std::int64_t d : {32, 33, 200}) {
    Generator g(23);
    Labels labels;
    for (std::int64_t i = 0; i < 140; ++i) labels.push_back(g.below(9));
    check_like_brute_force(hard_rows(140, d, 6), labels, d);
  }
}
