// fledge eval on stored embeddings that once gave wrong figures without a word: far from the origin, rows without
// labels, nothing to measure.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "io/npy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr int kRows = 60;

/// Overlapping classes in steps of 1 / 64 around `offset`, so that the offset rounds nothing away in double.
std::vector<double> rows_at(double offset) {
  Generator g(61);
  std::vector<double> x;
  for (int i = 0; i < kRows; ++i)
    for (int k = 0; k < 6; ++k) x.push_back(offset + std::round(64 * ((k == i % 4 ? 1.5 : 0) + g.normal())) / 64);
  return x;
}
std::string table_of(int classes, const std::string& head = "path\tlabel\n", const std::string& end = "\n") {
  std::string text = head;
  for (int i = 0; i < kRows; ++i) text += "p" + std::to_string(i) + ".png\tc" + std::to_string(i % classes) + end;
  return text;
}
json eval(const TempFolder& folder, const std::string& vectors, const std::string& table, const Arguments& more = {}) {
  return json::parse(must(folder, Arguments{"eval", "--embeddings", vectors, "--table", table, "--json"} + more).out);
}

}  // namespace

TEST_CASE("eval: float64 and whole numbers far from the origin measure what they measure near it", "[eval]") {
  const TempFolder folder;
  const auto save = [&](const std::string& name, const Tensor& t) { save_npy(folder / name, t); };
  save("near.npy", from_vector(rows_at(0), {kRows, 6}).to(DType::Float32));
  spill(folder / "t.tsv", table_of(4));
  const json near = eval(folder, "near.npy", "t.tsv");
  CHECK(near.at("recall@1").get<double>() < 0.9);  // there is something to get wrong
  for (const double offset : {1e3, 1e6, 1e9}) {
    INFO(offset);
    save("far.npy", from_vector(rows_at(offset), {kRows, 6}));
    CHECK(eval(folder, "far.npy", "t.tsv") == near);
    std::vector<std::int64_t> whole;
    for (const double v : rows_at(0)) whole.push_back(static_cast<std::int64_t>(64 * v + 64 * offset));
    save("whole.npy", from_vector(whole, {kRows, 6}));
    CHECK(eval(folder, "whole.npy", "t.tsv") == near);
  }
  // One side in float64, the other in float32.
  save("wide.npy", from_vector(rows_at(0), {kRows, 6}));
  const Arguments gallery = {"--gallery-table", "t.tsv", "--gallery-embeddings"};
  CHECK(eval(folder, "wide.npy", "t.tsv", gallery + Arguments{"near.npy"}) ==
        eval(folder, "near.npy", "t.tsv", gallery + Arguments{"near.npy"}));
}

TEST_CASE("eval: tables with byte-order mark, carriage returns and spaces; rows without a label are refused",
          "[eval]") {
  const TempFolder folder;
  save_npy(folder / "e.npy", from_vector(rows_at(0), {kRows, 6}).to(DType::Float32));
  spill(folder / "t.tsv", table_of(4));
  const json plain = eval(folder, "e.npy", "t.tsv");
  spill(folder / "bom.tsv", table_of(4, "\xef\xbb\xbfpath\tlabel\r\n", " \r\n"));
  CHECK(eval(folder, "e.npy", "bom.tsv") == plain);
  for (const std::string blank : {"", " "}) {
    spill(folder / "blank.tsv", "path\tlabel\na.png\tx\nb.png\t" + blank + "\nc.png\t\n");
    const Outcome refused = run_fledge(folder, {"eval", "--embeddings", "e.npy", "--table", "blank.tsv"});
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains("blank.tsv") && Contains("row 2 has no label") && Contains("2 rows"));
  }
}

TEST_CASE("eval: one number written in two ways is refused, in a table and between two", "[eval]") {
  const TempFolder folder;
  save_npy(folder / "e.npy", from_vector(std::vector<float>{1, 0, 0, 1, 1, 1, 2, 1}, {4, 2}));
  const auto table = [](const std::string& a, const std::string& b) {
    return "path\tlabel\na.png\t" + a + "\nb.png\t" + a + "\nc.png\t" + b + "\nd.png\t" + b + "\n";
  };
  spill(folder / "plain.tsv", table("1", "2"));
  spill(folder / "points.tsv", table("1.0", "2.0"));
  spill(folder / "mixed.tsv", table("1", "1.0"));
  spill(folder / "blanks.tsv", table("\xc2\xa0"
                                     "1",
                                     "2 \xc2\xa0"));
  CHECK(eval(folder, "e.npy", "blanks.tsv") == eval(folder, "e.npy", "plain.tsv"));
  Outcome o = run_fledge(folder, {"eval", "--embeddings", "e.npy", "--table", "mixed.tsv"});
  CHECK(o.code == 3);
  CHECK_THAT(o.err, Contains("mixed.tsv', line 4") && Contains("'1.0' is the number '1' of line 2"));
  o = run_fledge(folder, {"eval", "--embeddings", "e.npy", "--table", "plain.tsv", "--gallery-embeddings", "e.npy",
                          "--gallery-table", "points.tsv"});
  CHECK(o.code == 3);
  CHECK_THAT(o.err, Contains("points.tsv', line 2") && Contains("of line 2 of 'plain.tsv'"));
}

TEST_CASE("eval: where no query has a mate nothing is measured, and nothing is printed as if it were", "[eval]") {
  const TempFolder folder;
  save_npy(folder / "e.npy", from_vector(rows_at(0), {kRows, 6}).to(DType::Float32));
  spill(folder / "single.tsv", table_of(kRows));
  const json m = eval(folder, "e.npy", "single.tsv", {"--all"});
  for (const char* key : {"recall@1", "recall@8", "map@r", "mrr", "macro_recall@1", "mean_positive"}) {
    INFO(key);
    CHECK(m.at(key).is_null());
  }
  CHECK(m.at("queries") == 0);
  CHECK_THAT(m.at("note").get<std::string>(), Contains("nothing was measured"));
  const std::string text = must(folder, {"eval", "--embeddings", "e.npy", "--table", "single.tsv"}).out;
  CHECK_THAT(text, Contains("     -       -       -       -       -\n") && Contains("nothing was measured"));
  // Stored metrics, new and of before: a hyphen in the table and in the spread.
  for (const std::string run : {"r-0", "r-1"}) std::filesystem::create_directories(folder / run);
  spill(folder / "r-0/metrics.json", m.dump());
  spill(folder / "r-1/metrics.json",
        R"({"recall@1":0.0,"recall@2":0.0,"recall@4":0.0,"recall@8":0.0,"map@r":0.0,"queries":0})");
  for (const Arguments& flags : {Arguments{}, Arguments{"--spread"}}) {
    const std::string table = must(folder, Arguments{"eval", "r-0", "r-1"} + flags).out;
    CHECK(table.find("0.00") == std::string::npos);
    CHECK_THAT(table, Contains(" -\n"));
  }
}

TEST_CASE("eval: equal embeddings that no known copy explains are counted, and said where all are", "[eval]") {
  const TempFolder folder;
  std::vector<double> x = rows_at(0);
  std::copy(x.begin(), x.begin() + 6, x.end() - 6);  // the first and the last
  save_npy(folder / "pair.npy", from_vector(x, {kRows, 6}).to(DType::Float32));
  save_npy(folder / "flat.npy", from_vector(std::vector<float>(kRows * 6, 0.25f), {kRows, 6}));
  spill(folder / "t.tsv", table_of(4));
  CHECK(eval(folder, "pair.npy", "t.tsv").at("equal_embeddings") == 2);
  // The same rows as a gallery under the same names: each query leaves its own out, so two are left as before.
  const Arguments gallery = {"--gallery-table", "t.tsv", "--gallery-embeddings", "pair.npy"};
  CHECK(eval(folder, "pair.npy", "t.tsv", gallery).at("equal_embeddings") == 2);
  const Arguments pair = {"eval", "--embeddings", "pair.npy", "--table", "t.tsv"};
  CHECK_THAT(must(folder, pair).out, Contains("2 queries have an equal embedding in the gallery"));
  // Under other names, and without their contents, every query finds itself.
  std::string others = table_of(4);
  for (std::size_t at = 0; (at = others.find("\np", at)) != std::string::npos; ++at) others[at + 1] = 'q';
  spill(folder / "others.tsv", others);
  CHECK_THAT(must(folder, pair + Arguments{"--gallery-embeddings", "pair.npy", "--gallery-table", "others.tsv"}).out,
             Contains("60 queries have an equal embedding in the gallery"));
  const Outcome flat = must(folder, {"eval", "--embeddings", "flat.npy", "--table", "t.tsv"});
  CHECK_THAT(flat.err, Contains("warning: all 60 embeddings are equal"));
}

TEST_CASE("eval: what cannot be compared, and a K that cannot miss", "[eval]") {
  const TempFolder folder;
  save_npy(folder / "six.npy", from_vector(rows_at(0), {kRows, 6}).to(DType::Float32));
  save_npy(folder / "three.npy", from_vector(rows_at(0), {2 * kRows, 3}).slice(0, 0, kRows).to(DType::Float32));
  spill(folder / "t.tsv", table_of(4));
  const Arguments six = {"eval", "--embeddings", "six.npy", "--table", "t.tsv"};
  const Outcome o =
      run_fledge(folder, six + Arguments{"--gallery-embeddings", "three.npy", "--gallery-table", "t.tsv"});
  CHECK(o.code == 3);
  CHECK_THAT(o.err, Contains("embeddings of 6 numbers") && Contains("three.npy") && Contains("3 a row"));
  CHECK_THAT(must(folder, six + Arguments{"--recall-at", "1,58"}).out, !Contains("cannot miss"));
  CHECK_THAT(must(folder, six + Arguments{"--recall-at", "1,59"}).out, Contains("R@59 and above cannot miss"));
}
