// fledge search: neighbours equal to a plain double-precision search, thresholds, votes, output, and every refusal.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "apps/index/nearest_pictures.h"
#include "io/npy.h"
#include "io/table.h"
#include "tests/apps/runner.h"
#include "tests/support/gpu.h"

using namespace fledge::test;
using Catch::Contains;
using fledge::FoundPicture;
using fledge::Tensor;
using nlohmann::json;

namespace {

struct Plain {
  double distance;
  std::int64_t row;
  bool operator<(const Plain& o) const { return distance < o.distance || (distance == o.distance && row < o.row); }
};

/// All rows in the order of their distance: nothing but the definition.
std::vector<Plain> plain_search(const Tensor& rows, const float* query) {
  const std::int64_t d = rows.dim(1);
  std::vector<Plain> all;
  for (std::int64_t i = 0; i < rows.dim(0); ++i) {
    double sum = 0;
    for (std::int64_t k = 0; k < d; ++k)
      sum += std::pow(static_cast<double>(query[k]) - static_cast<double>(rows.data<float>()[i * d + k]), 2);
    all.push_back({std::sqrt(sum), i});
  }
  std::sort(all.begin(), all.end());
  return all;
}

Tensor random_rows(std::int64_t n, std::int64_t d, unsigned seed, float center = 0, float spread = 1) {
  std::mt19937 random(seed);
  const Tensor t = Tensor::empty({n, d});
  for (std::int64_t i = 0; i < n * d; ++i)
    t.data<float>()[i] = center + spread * (static_cast<float>(random() >> 8) / (1 << 23) - 1);
  return t;
}

Tensor tensor_of(const std::vector<std::vector<float>>& rows) {
  const Tensor t = Tensor::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())});
  float* out = t.data<float>();
  for (const auto& row : rows) out = std::copy(row.begin(), row.end(), out);
  return t;
}

void check_equal(const Tensor& rows, const Tensor& queries, std::int64_t top, fledge::Device device) {
  INFO(to_string(device));
  const auto found = fledge::exact_neighbors(queries, rows, top, device);
  REQUIRE(static_cast<std::int64_t>(found.size()) == queries.dim(0));
  std::int64_t wrong = 0;
  for (std::size_t q = 0; q < found.size(); ++q) {
    const auto plain = plain_search(rows, queries.data<float>() + static_cast<std::int64_t>(q) * queries.dim(1));
    REQUIRE(found[q].size() == std::min<std::size_t>(top, plain.size()));
    for (std::size_t r = 0; r < found[q].size(); ++r)
      wrong += found[q][r].row != plain[r].row || std::sqrt(found[q][r].square) != plain[r].distance;
  }
  CHECK(wrong == 0);
}

/// On the CPU, and with the help of a GPU where there is one.
void check_equal(const Tensor& rows, const Tensor& queries, std::int64_t top) {
  check_equal(rows, queries, top, {});
  if (const auto device = fledge::test::gpu()) check_equal(rows, queries, top, *device);
}

/// NAME.npy and NAME.tsv below the folder; row i is "p/i.png" with label labels[i]. Rows of one path are one picture:
/// pictures that are searched for lie elsewhere, below `below`.
void write_index(const TempFolder& folder, const std::string& name, const Tensor& rows,
                 const std::vector<std::string>& labels, const std::string& below = "p/") {
  fledge::save_npy(folder / (name + ".npy"), rows);
  fledge::LabelTable table;
  for (std::size_t i = 0; i < labels.size(); ++i) table.paths.push_back(below + std::to_string(i) + ".png");
  table.labels = labels;
  fledge::save_table(folder / (name + ".tsv"), table);
}

json search_json(const TempFolder& folder, const Arguments& more) {
  const Outcome outcome = must(folder, Arguments{"search", "--quiet", "--json"} + more);
  CHECK(outcome.err.empty());
  return json::parse(outcome.out);
}

void fails(const TempFolder& folder, const Arguments& more, int code, const std::vector<std::string>& words) {
  const Outcome outcome = run_fledge(folder, Arguments{"search", "--quiet"} + more);
  INFO(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  for (const auto& word : words) CHECK_THAT(outcome.err, Contains(word));
}

/// A model trained for three steps, pictures and their index.
struct Pictures {
  TempFolder folder;
  Pictures() {
    make_pictures(folder / "train", 4, 6, 28, 51);
    make_pictures(folder / "test", 3, 8, 28, 52);
    must(folder, Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "run", "--final-eval=false"});
    must(folder, {"embed", "--model", "run", "--data", "test", "--output", "index", "--quiet"});
  }
};

}  // namespace

TEST_CASE("nearest pictures are those of the plain double-precision search", "[search][nearest]") {
  SECTION("sizes around the blocks, one and many queries") {
    for (const std::int64_t d : {1, 3, 17, 128})
      for (const std::int64_t n : {1, 31, 33, 1000}) {
        INFO(n << "x" << d);
        const Tensor rows = random_rows(n, d, 1);
        check_equal(rows, random_rows(1, d, 2), 7);
        check_equal(rows, random_rows(3, d, 3), n + 5);  // more than there are: all of them
      }
    check_equal(random_rows(40000, 4, 4), random_rows(300, 4, 5), 10);  // several blocks both ways
  }
  SECTION("a tight cloud far from the origin: float32 products cannot tell its rows apart") {
    check_equal(random_rows(3000, 16, 6, 100, 1e-4f), random_rows(20, 16, 7, 100, 1e-4f), 12);
  }
  SECTION("rows that come nearer and nearer") {
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < 500; ++i) rows.push_back({500.0f - static_cast<float>(i), 0});
    check_equal(tensor_of(rows), tensor_of({{0, 0}}), 9);
  }
  SECTION("sizes at the ends of float32") {
    for (const float size : {1e-30f, 1e-20f, 1e15f, 1e19f, 3e38f}) {
      INFO(size);
      for (const std::int64_t d : {1, 5})
        check_equal(random_rows(200, d, 8, 0, size), random_rows(9, d, 9, 0, size), 150);
    }
    check_equal(random_rows(2000, 64, 14, 1e-21f, 1e-23f), random_rows(30, 64, 15, 1e-21f, 1e-23f), 6);
    check_equal(random_rows(200, 5, 10, 1.2e19f, 1e18f), random_rows(9, 5, 11, 0, 3e18f), 150);
    // Queries far outside of a gallery of ordinary numbers, and tiny ones inside of it.
    for (const float size : {1e-30f, 1e6f, 3e38f})
      check_equal(random_rows(600, 5, 16), random_rows(9, 5, 17, 0, size), 20);
  }
  SECTION("ties go to the first row, copies stay") {
    const Tensor rows = tensor_of({{1, 0}, {0, 1}, {-1, 0}, {0, 1}, {0, -1}, {3, 0}});
    const auto found = fledge::exact_neighbors(tensor_of({{0, 0}, {0, 1}}), rows, 3);
    CHECK(found[0][0].row == 0);
    CHECK(found[0][1].row == 1);
    CHECK(found[0][2].row == 2);
    CHECK(found[1][0].row == 1);
    CHECK(found[1][1].row == 3);
    CHECK(found[1][0].square == 0);
    CHECK(found[1][1].square == 0);
    check_equal(random_rows(2000, 3, 12, 0.5f, 0), random_rows(2, 3, 13), 5);  // one point
  }
}

TEST_CASE("cosines and votes", "[search]") {
  const Tensor rows = tensor_of({{3, 4}, {0, 0}, {-2, 0}, {0, 5}}), query = tensor_of({{2, 0}});
  const auto found = fledge::described(query, 0, rows, fledge::exact_neighbors(query, rows, 4)[0]);
  const auto cosine = [&](std::int64_t row) {
    return std::find_if(found.begin(), found.end(), [&](const FoundPicture& n) { return n.row == row; })->cosine;
  };
  CHECK(cosine(0) == 0.6);
  CHECK(cosine(1) == 0);  // no length, no direction
  CHECK(cosine(2) == -1);
  CHECK(cosine(3) == 0);

  const std::vector<std::string> labels = {"a", "b", "b", "c", "c"};
  const auto voted = [&](const std::vector<std::int64_t>& rows) {
    std::vector<FoundPicture> neighbors;
    for (const auto row : rows) neighbors.push_back({row, 0, 0});
    const fledge::Vote v = fledge::vote(neighbors, labels);
    return v.label + " " + std::to_string(v.votes) + "/" + std::to_string(v.of);
  };
  CHECK(voted({0}) == "a 1/1");
  CHECK(voted({0, 1, 2}) == "b 2/3");
  CHECK(voted({3, 1, 2, 4, 0}) == "c 2/5");  // a tie of b and c: c stands nearer
  CHECK(voted({}) == " 0/0");
}

TEST_CASE("search for pictures, end to end", "[e2e][search]") {
  const Pictures p;
  const Tensor vectors = fledge::load_npy(p.folder / "index.npy");
  const fledge::LabelTable table = fledge::load_table(p.folder / "index.tsv");
  REQUIRE(vectors.dim(0) == 24);

  // A picture of the index finds itself, marked as its own, whether it comes from its
  // data set, its file or its stored embedding.
  const Arguments index = {"--index", "index", "--top", "5"};
  const json by_data = search_json(p.folder, index + Arguments{"--model", "run", "--data", "test"});
  const json by_row = search_json(p.folder, index + Arguments{"--queries", "index.npy"});
  Arguments files = index + Arguments{"--model", "run"};
  for (const auto& path : table.paths) files = files + Arguments{"--query", "test/" + path};
  const json by_file = search_json(p.folder, files);
  CHECK(by_data.at("pictures") == 24);
  CHECK(by_data.at("index") == "index");
  for (const json* report : {&by_data, &by_row, &by_file}) {
    REQUIRE(report->at("queries").size() == 24);
    for (std::size_t q = 0; q < 24; ++q) {
      const json& entry = report->at("queries")[q];
      INFO(entry.dump());
      CHECK(entry.at("query") == (report == &by_file ? "test/" : "") + table.paths[q]);
      CHECK(entry.contains("label") == (report != &by_file));
      const json& results = entry.at("results");
      REQUIRE(results.size() == 5);
      CHECK(results[0].at("path") == table.paths[q]);
      CHECK(results[0].at("distance").get<double>() < 1e-5);
      CHECK(results[0].at("cosine").get<double>() == Approx(1));
      CHECK(results[0].at("own") == true);
      for (std::size_t r = 1; r < 5; ++r) CHECK(!results[r].contains("own"));
    }
  }

  // Of stored embeddings every digit is that of the definition.
  for (std::size_t q = 0; q < 24; ++q) {
    const auto plain = plain_search(vectors, vectors.data<float>() + q * vectors.dim(1));
    for (std::size_t r = 0; r < 5; ++r) {
      const json& result = by_row.at("queries")[q].at("results")[r];
      CHECK(result.at("rank") == r + 1);
      CHECK(result.at("row") == plain[r].row);
      CHECK(result.at("path") == table.paths[plain[r].row]);
      CHECK(result.at("label") == table.labels[plain[r].row]);
      CHECK(result.at("distance").get<double>() == plain[r].distance);
      CHECK(result.at("cosine").get<double>() == Approx(1 - plain[r].distance * plain[r].distance / 2).margin(1e-5));
    }
  }

  // Pictures of other sizes than the network's, several behind one flag, and the text.
  make_pictures(p.folder / "large", 1, 2, 61, 53);
  const Outcome text = must(p.folder, Arguments{"search", "--index", "index", "--model", "run", "--top", "2", "--query",
                                                "large/class0/0.png", "large/class0/1.png"});
  CHECK_THAT(text.out, Contains("large/class0/0.png\n  rank  distance   cosine  label   path\n     1  ") &&
                           Contains("\n\nlarge/class0/1.png\n"));
  CHECK(std::count(text.out.begin(), text.out.end(), '\n') == 9);
  CHECK_THAT(text.err, Contains("searched 24 pictures for 2 queries"));

  // The pooled features are an index of their own.
  must(p.folder, {"embed", "--model", "run", "--data", "test", "--output", "pooled", "--pooled", "--quiet"});
  const Arguments pooled = {"--index", "pooled", "--model", "run", "--query", "test/" + table.paths[7]};
  CHECK(search_json(p.folder, pooled + Arguments{"--pooled"}).at("queries")[0].at("results")[0].at("path") ==
        table.paths[7]);
  fails(p.folder, pooled, 3, {"pooled.npy", "32 numbers", "'run'", "16", "--pooled"});
  fails(p.folder, {"--index", "index", "--queries", "pooled"}, 3, {"index.npy", "16 numbers", "pooled.npy", "32"});

  spill(p.folder / "torn.png", std::string("no picture"));
  for (const std::string bad : {"torn.png", "nowhere.jpg"})
    fails(p.folder, index + Arguments{"--model", "run", "--query", "test/" + table.paths[0], "--query", bad}, 3, {bad});
  fails(p.folder, index + Arguments{"--query", "torn.png"}, 2, {"no model", "--model"});
  fails(p.folder, index + Arguments{"--model", "run"}, 2, {"nothing to search", "--query", "--data", "--queries"});
  fails(p.folder, index + Arguments{"--model", "run", "--data", "test", "--query", "torn.png"}, 2, {"more than one"});
  fails(p.folder, index + Arguments{"--model", "run", "--queries", "index"}, 2, {"embedded already"});
}

TEST_CASE("thresholds and matches of a small index", "[e2e][search]") {
  const TempFolder folder;
  // On a line: distances are plain to see.
  write_index(folder, "index", tensor_of({{0, 0}, {1, 0}, {2, 0}, {3, 0}, {10, 0}}), {"a", "b", "b", "a", "far away"});
  write_index(folder, "queries", tensor_of({{0, 0}, {1.75f, 0}, {6, 0}, {10, 0}}), {"a", "b", "b", "far away"}, "q/");
  const Arguments both = {"--index", "index", "--queries", "queries"};
  const auto paths = [&](const json& report, std::size_t query) {
    std::string text;
    for (const json& result : report.at("queries")[query].at("results"))
      text += result.at("path").get<std::string>().substr(2, 1);
    return text;
  };
  const json all = search_json(folder, both);  // ten are asked for, five there
  CHECK(paths(all, 0) == "01234");
  CHECK(paths(all, 1) == "21304");
  const json near = search_json(folder, both + Arguments{"--threshold", "1"});
  CHECK(paths(near, 0) == "01");  // a distance of just 1 is within
  CHECK(paths(near, 1) == "21");
  CHECK(paths(near, 2).empty());
  CHECK(paths(near, 3) == "4");
  CHECK(paths(search_json(folder, both + Arguments{"--threshold", "0.999"}), 0) == "0");
  CHECK(paths(search_json(folder, both + Arguments{"--threshold", "1", "--top", "1"}), 1) == "2");
  const Outcome text = must(folder, Arguments{"search"} + both + Arguments{"--threshold", "1"});
  CHECK_THAT(text.out, Contains("q/2.png\n  none within 1: the nearest picture is 3.0000 away\n"));
  const std::string list = "     1    0.2500   1.0000  b      p/2.png\n     2    0.7500   1.0000  b      p/1.png\n";
  CHECK_THAT(text.out, Contains(list));

  const json three = search_json(folder, both + Arguments{"--match", "--top", "3", "--threshold", "3.5"});
  const auto match = [&](std::size_t query) {
    json entry = three.at("queries")[query];
    entry.erase("query");
    return entry;
  };
  CHECK(match(0) == json({{"label", "a"}, {"match", "b"}, {"votes", 2}, {"of", 3}, {"nearest", 0}}));
  CHECK(match(1) == json({{"label", "b"}, {"match", "b"}, {"votes", 2}, {"of", 3}, {"nearest", 0.25}}));
  CHECK(match(2) == json({{"label", "b"}, {"match", "a"}, {"votes", 1}, {"of", 1}, {"nearest", 3}}));
  CHECK(three.at("correct") == 2);
  const json one = search_json(folder, both + Arguments{"--match", "--top", "1", "--threshold", "0.5"});
  CHECK(one.at("correct") == 3);
  CHECK(one.at("queries")[2].at("match").is_null());
  CHECK(one.at("queries")[2].at("of") == 0);
  const Outcome table =
      must(folder, Arguments{"search"} + both + Arguments{"--match", "--top", "1", "--threshold=0.5"});
  CHECK(table.out ==
        "label      share  nearest  query\na           1.00   0.0000  q/0.png\nb           1.00   0.2500  q/1.png\n"
        "unknown        -   3.0000  q/2.png\nfar away    1.00   0.0000  q/3.png\n"
        "3 of 4 queries get their own label, 1 are unknown\n");

  for (const std::string flag : {"--top", "--threshold"})
    for (const std::string value : {"-1", "nan", "many"}) fails(folder, both + Arguments{flag, value}, 2, {flag});
  fails(folder, both + Arguments{"--top", "0"}, 2, {"--top"});
}

TEST_CASE("an index that is missing or broken", "[e2e][search][errors]") {
  const TempFolder folder;
  const Tensor rows = tensor_of({{0, 1}, {1, 0}});
  write_index(folder, "good", rows, {"a", "b"});
  fails(folder, {"--queries", "good"}, 2, {"no index", "--index", "fledge embed"});
  fails(folder, {"--index", "cars", "--queries", "good"}, 3, {"no 'cars.npy'", "fledge embed", "--output cars"});
  fledge::save_npy(folder / "untold.npy", rows);
  fails(folder, {"--index", "untold.npy", "--queries", "good"}, 3, {"no 'untold.tsv'", "--output untold"});
  write_index(folder, "short", rows, {"a"});
  fails(folder, {"--index", "short", "--queries", "good"}, 3, {"short.npy", "2x2", "short.tsv", "1 rows"});
  write_index(folder, "empty", Tensor::empty({0, 2}), {});
  fails(folder, {"--index", "empty", "--queries", "good"}, 3, {"empty.npy", "nothing"});
  write_index(folder, "flat", Tensor::empty({2}), {"a", "b"});
  fails(folder, {"--index", "flat", "--queries", "good"}, 3, {"flat.npy"});
  for (const float bad : {NAN, INFINITY}) {
    write_index(folder, "bad", tensor_of({{0, 1}, {1, bad}}), {"a", "b"});
    fails(folder, {"--index", "bad", "--queries", "good"}, 3, {"row 1", "bad.npy", "p/1.png"});
    fails(folder, {"--index", "good", "--queries", "bad"}, 3, {"row 1", "bad.npy", "p/1.png"});
  }
  // A name may hold what is no UTF-8 or would move the terminal's cursor.
  fledge::save_npy(folder / "odd.npy", rows);
  spill(folder / "odd.tsv", std::string("path\tlabel\np/\xff.png\ta\np/1.png\t\x1b[2J\n"));
  CHECK(search_json(folder, {"--index", "odd", "--queries", "odd"}).at("queries").size() == 2);
  CHECK(must(folder, {"search", "--index", "odd", "--queries", "odd"}).out.find('\x1b') == std::string::npos);
}

TEST_CASE("help and config of search", "[e2e][search]") {
  const TempFolder folder;
  const Outcome help = must(folder, {"search", "--help"});
  CHECK_THAT(help.out, Contains("Examples:\n  fledge search --index") && Contains("Exit codes:"));
  write_index(folder, "good", tensor_of({{0, 1}, {1, 0}}), {"a", "b"});
  const Arguments arguments = {"search", "--index", "good", "--queries", "good", "--top", "1"};
  const std::string config = must(folder, arguments + Arguments{"--print-config"}).out;
  spill(folder / "c.toml", config);
  CHECK(must(folder, {"search", "--config", "c.toml", "--print-config"}).out == config);
  CHECK(must(folder, {"search", "--config", "c.toml"}).out == must(folder, arguments).out);
}
