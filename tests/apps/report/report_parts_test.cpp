// What the page of fledge report is made of: text, ticks, kinds and spreads, neighbours, projections.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "apps/report/comparison.h"
#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "apps/report/neighbours.h"
#include "apps/report/projection.h"
#include "tensor/random.h"

namespace report = fledge::report;

TEST_CASE("report: text as HTML takes it", "[report]") {
  CHECK(report::escape("<a href='x'>&\"") == "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  CHECK(report::escape("é漢😀") == "é漢😀");
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(report::escape(std::string("a\x01") + "b\xFFz") == "a" + bad + "b" + bad + "z");
  CHECK(report::escape("\xC0\xAF") == bad + bad);            // an overlong "/"
  CHECK(report::escape("\xED\xA0\x80") == bad + bad + bad);  // a surrogate
  CHECK(report::escape("\xE6\xBC") == bad + bad);            // cut off
  CHECK(report::number_text(1234567) == "1,234,567");
  CHECK(report::number_text(-1000) == "-1,000");
  CHECK(report::number_text(123) == "123");
  CHECK(report::number_text(0.17587) == "0.1759");
  CHECK(report::shortened("漢字かな", 4) == "漢字かな");
  CHECK(report::shortened("漢字かな", 3) == "漢字…");
  CHECK(report::plain_number("0.20000000000000001") == "0.2");
  CHECK(report::plain_number("3e-4") == report::plain_number("0.00029999999999999997"));
  CHECK(report::plain_number("108-135") == "108-135");
  CHECK(report::plain_number("") == "");
  // The test vectors of RFC 4648.
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [in, out] : vectors)
    CHECK(report::data_uri("image/png", {in.begin(), in.end()}) == "data:image/png;base64," + out);
}

TEST_CASE("report: ticks are round and cover the range", "[report]") {
  CHECK(report::ticks(0, 10, 6) == std::vector<double>{0, 2, 4, 6, 8, 10});
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{0.03, 0.97}, {-3, 1e5}, {1e-7, 3e-7}}) {
    const auto at = report::ticks(low, high, 5);
    INFO(low << " to " << high);
    CHECK(at.front() <= low * (1 + 1e-12));
    CHECK(at.back() >= high * (1 - 1e-12));
    CHECK(at.size() <= 12);
  }
}

TEST_CASE("report: kinds, spreads, teachers, differences", "[report]") {
  const auto run = [](const std::string& name, const std::string& kind, double recall, const std::string& teacher) {
    report::RunRecord r;
    r.path = r.name = name, r.kind = kind;
    r.config = {{"test", "t"},
                {"arch", teacher.empty() && kind == "teacher" ? "resnet18" : "mobilenet_v1"},
                {"lr", recall > 0.5 ? "0.10000000000000001" : "1e-1"},
                {"run", name},
                {"teacher", teacher}};
    r.metrics = {{"recall@1", recall}};
    return r;
  };
  const std::vector<report::RunRecord> runs = {run("teacher-0", "teacher", 0.9, ""), run("alone-0", "alone", 0.2, ""),
                                               run("alone-1", "alone", 0.5, ""), run("alone-2", "alone", 0.8, ""),
                                               run("rel-0", "rel", 0.7, "teacher-0")};
  const auto kinds = report::kinds_of(runs);
  REQUIRE(kinds.size() == 3);
  CHECK(kinds[1].runs.size() == 3);
  const report::Spread s = report::spread_of(kinds[1], "recall@1");
  CHECK(s.count == 3);
  CHECK(s.mean == Approx(0.5));
  CHECK(s.deviation == Approx(0.3));  // sqrt((0.09 + 0 + 0.09) / 2)
  CHECK(report::spread_of(kinds[1], "map@r").count == 0);
  CHECK(report::teacher_of(kinds[2], kinds) == &kinds[0]);
  CHECK(report::alone_of(kinds[2], kinds) == &kinds[1]);
  CHECK(report::teacher_of(kinds[1], kinds) == nullptr);
  CHECK(report::alone_of(kinds[1], kinds) == nullptr);
  // Shares are those known to be shares, whatever their values; distances and ranks between 0 and 1 are none.
  report::RunRecord odd;
  for (const char* key : {"recall@10", "recall@2", "queries", "mean_positive", "nmi", "map@r", "macro_recall@1"})
    odd.metrics.emplace_back(key, 0.5);
  std::vector<std::string> labels, shares;
  for (const report::Column& c : report::metric_columns({&odd})) {
    labels.push_back(c.label);
    if (c.share) shares.push_back(c.key);
  }
  CHECK(labels == std::vector<std::string>{"R@2", "R@10", "MAP@R", "macro R@1", "NMI", "mean positive", "queries"});
  CHECK(shares == std::vector<std::string>{"recall@2", "recall@10", "map@r", "macro_recall@1", "nmi"});
  const auto differences = report::config_differences(runs);
  REQUIRE(differences.size() == 2);  // arch, teacher; not run, and lr is the same number
  CHECK(differences[0].key == "arch");
  CHECK(differences[1].values == std::vector<std::string>{"", "", "", "", "teacher-0"});
}

TEST_CASE("report: neighbours in exact order, queries of both sorts", "[report]") {
  fledge::Embeddings e;
  constexpr std::int64_t kRows = 60;
  fledge::Generator g = fledge::Generator::of({5});
  e.vectors = fledge::rand_normal({kRows, 3}, g);
  for (std::int64_t i = 0; i < kRows; ++i) e.labels.push_back(i % 4);
  e.labels[7] = 9;  // alone in its class
  const float* v = e.vectors.data<float>();
  const fledge::ExactNeighbors rows(e.vectors);
  const auto nearest = report::nearest_to(rows, e, 3, 10);
  REQUIRE(nearest.size() == 10);
  for (std::int64_t i = 0; i < kRows; ++i) {
    if (i == 3) continue;
    const double d = std::hypot(double(v[9]) - v[3 * i], double(v[10]) - v[3 * i + 1], double(v[11]) - v[3 * i + 2]);
    const auto at = std::find_if(nearest.begin(), nearest.end(), [&](const auto& n) { return n.row == i; });
    if (at == nearest.end())
      CHECK(d >= std::sqrt(nearest.back().square));
    else
      CHECK(std::sqrt(at->square) == Approx(d));
  }
  CHECK(std::is_sorted(nearest.begin(), nearest.end(), [](auto& a, auto& b) { return a.square < b.square; }));
  CHECK(report::nearest_to(rows, e, 0, 100).size() == kRows - 1);

  const auto chosen = report::choose_queries(rows, e, {4, 1});
  CHECK(chosen.size() == 4);
  CHECK(chosen == report::choose_queries(rows, e, {4, 1}));
  CHECK(chosen != report::choose_queries(rows, e, {4, 2}));
  CHECK(std::set<std::int64_t>(chosen.begin(), chosen.end()).size() == 4);
  CHECK(std::count(chosen.begin(), chosen.end(), 7) == 0);
  int right = 0;
  for (const std::int64_t q : chosen) right += e.labels[report::nearest_to(rows, e, q, 1)[0].row] == e.labels[q];
  CHECK(right == 2);
  CHECK(report::choose_queries(rows, e, {1000, 1}).size() == kRows - 1);
}

TEST_CASE("report: principal components of a known cloud", "[report]") {
  // Deviations 3, 2 and 1 along axes that are turned in space: (0.6, 0.8, 0), (-0.8, 0.6, 0), (0, 0, 1).
  report::Matrix m{4000, 3, {}};
  fledge::Generator g = fledge::Generator::of({11});
  std::vector<double> first, second;
  for (int i = 0; i < 4000; ++i) {
    const double a = 3 * g.normal(), b = 2 * g.normal(), c = g.normal();
    first.push_back(a), second.push_back(b);
    for (const double value : {0.6 * a - 0.8 * b + 5, 0.8 * a + 0.6 * b - 7, c})
      m.values.push_back(static_cast<float>(value));
  }
  const report::PcaMap map = report::pca(m);
  CHECK(map.explained[0] == Approx(9.0 / 14).margin(0.02));
  CHECK(map.explained[1] == Approx(4.0 / 14).margin(0.02));
  double along = 0, aa = 0, xx = 0, mean = 0;
  for (int i = 0; i < 4000; ++i) {
    along += first[i] * map.points[i].x, aa += first[i] * first[i], xx += map.points[i].x * map.points[i].x;
    mean += map.points[i].x / 4000;
  }
  CHECK(std::abs(mean) < 1e-4);
  CHECK(along / std::sqrt(aa * xx) > 0.999);  // the sign too: the axis' largest coefficient, 0.8, is positive

  const report::PcaMap line = report::pca({3, 2, {0, 0, 1, 1, 2, 2}});
  CHECK(line.explained[0] == Approx(1));
  CHECK(line.explained[1] == 0);
  CHECK(line.points[2].x == Approx(std::sqrt(2.0)));
  CHECK(report::pca({2, 2, {1, 1, 1, 1}}).explained[0] == 0);
}

TEST_CASE("report: t-SNE keeps neighbours together", "[report]") {
  report::Matrix m{90, 8, {}};
  fledge::Generator g = fledge::Generator::of({12});
  for (int i = 0; i < 90; ++i)
    for (int k = 0; k < 8; ++k) m.values.push_back(static_cast<float>(0.3 * g.normal() + (k == i % 3 ? 4 : 0)));
  const auto points = report::tsne(m, {10, 500});
  REQUIRE(points.size() == 90);
  int together = 0;
  for (int i = 0; i < 90; ++i) {
    int nearest = -1;
    double least = 0;
    for (int j = 0; j < 90; ++j) {
      const double d = std::hypot(points[i].x - points[j].x, points[i].y - points[j].y);
      REQUIRE(std::isfinite(d));
      if (j != i && (nearest < 0 || d < least)) nearest = j, least = d;
    }
    together += nearest % 3 == i % 3;
  }
  CHECK(together == 90);
  CHECK(report::tsne({3, 2, {0, 0, 1, 1, 2, 2}}, {}).size() == 3);
  for (const report::Point& p : report::tsne({6, 2, std::vector<float>(12, 1.0f)}, {}))  // all in one place
    CHECK(std::isfinite(p.x));
}
