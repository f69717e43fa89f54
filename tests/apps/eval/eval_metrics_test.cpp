// fledge eval beyond the table: every metric, a row for each class, intervals, two models against each other.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>

#include "io/npy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

/// e.npy, e.tsv: four classes of unequal size with overlap.
void write_embeddings(const TempFolder& folder) {
  Generator g(61);
  std::vector<float> x;
  std::string table = "path\tlabel\n";
  for (int i = 0; i < 60; ++i) {
    const int y = i < 30 ? 0 : i < 50 ? 1 : i < 58 ? 2 : 3;
    for (int k = 0; k < 6; ++k) x.push_back(static_cast<float>((k == y ? 1.5 : 0) + g.normal()));
    table += "p" + std::to_string(i) + ".png\tclass " + std::to_string(y) + "\n";
  }
  save_npy(folder / "e.npy", from_vector(x, {60, 6}));
  spill(folder / "e.tsv", table);
}

const Arguments kStored = {"eval", "--embeddings", "e.npy", "--table", "e.tsv"};

}  // namespace

TEST_CASE("eval: every metric as JSON and as text", "[eval]") {
  const TempFolder folder;
  write_embeddings(folder);
  const json plain = json::parse(must(folder, kStored + Arguments{"--json"}).out);
  for (const char* key :
       {"recall@1", "recall@8", "map@r", "r_precision", "precision@1", "mrr", "macro_recall@1", "macro_map@r"}) {
    INFO(key);
    CHECK(plain.at(key).get<double>() > 0);
    CHECK(plain.at(key).get<double>() <= 1);
  }
  for (const char* key : {"recall@1", "map@r"}) {
    const json interval = plain.at(std::string(key) + "_ci");
    CHECK(interval[0].get<double>() < plain.at(key).get<double>());
    CHECK(interval[1].get<double>() > plain.at(key).get<double>());
  }
  CHECK(plain.at("mrr").get<double>() >= plain.at("recall@1").get<double>());
  CHECK(!plain.contains("nmi"));
  CHECK(!plain.contains("effective_rank"));

  const json all = json::parse(must(folder, kStored + Arguments{"--json", "--all", "--clusters"}).out);
  CHECK(all.at("effective_rank").get<double>() > 3);
  CHECK(all.at("effective_rank").get<double>() <= 6);
  CHECK(all.at("mean_positive").get<double>() < all.at("mean_negative").get<double>());
  CHECK(all.at("nmi").get<double>() > all.at("ami").get<double>());
  CHECK(all.at("ami").get<double>() > 0);
  for (const auto& [key, value] : plain.items()) CHECK(all.at(key) == value);

  const std::string text = must(folder, kStored + Arguments{"--all", "--clusters"}).out;
  for (const char* name : {"R@1", "MAP@R", "R-precision", "mean reciprocal rank", "R@1, mean over classes", "NMI",
                           "AMI", "effective rank", "at 95 %", "60 queries"})
    CHECK_THAT(text, Contains(name));
  const std::string compact = must(folder, kStored).out;
  CHECK(std::count(compact.begin(), compact.end(), '\n') == 3);  // head, row, footnote
}

TEST_CASE("eval: intervals can be chosen, moved by the seed, and left out", "[eval]") {
  const TempFolder folder;
  write_embeddings(folder);
  const auto metrics = [&](const Arguments& flags) {
    return json::parse(must(folder, kStored + Arguments{"--json"} + flags).out);
  };
  const auto width = [](const json& j) { return j["map@r_ci"][1].get<double>() - j["map@r_ci"][0].get<double>(); };
  const json plain = metrics({});
  CHECK(metrics({}) == plain);
  CHECK(metrics({"--seed", "7"}).at("map@r_ci") != plain.at("map@r_ci"));
  CHECK(width(metrics({"--confidence", "0.5"})) < width(plain));
  CHECK(metrics({"--confidence", "0.5"}).at("ci_level") == 0.5);
  CHECK(metrics({"--bootstrap-classes"}).at("map@r_ci") != plain.at("map@r_ci"));
  CHECK(!metrics({"--bootstrap", "0"}).contains("map@r_ci"));
}

TEST_CASE("eval: a row for each class", "[eval]") {
  const TempFolder folder;
  write_embeddings(folder);
  const json m = json::parse(must(folder, kStored + Arguments{"--json", "--per-class", "classes.tsv"}).out);
  std::istringstream lines(text_of(folder / "classes.tsv"));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "class\tqueries\trecall@1\tmap@r\tr_precision\tmrr");
  double macro = 0, micro = 0;
  int rows = 0, queries = 0;
  for (; std::getline(lines, line); ++rows) {
    std::istringstream fields(line);
    std::string name, count, recall;
    std::getline(fields, name, '\t');
    std::getline(fields, count, '\t');
    std::getline(fields, recall, '\t');
    CHECK(name == "class " + std::to_string(rows));
    macro += std::stod(recall) / 4;
    micro += std::stod(recall) * std::stoi(count) / 60;
    queries += std::stoi(count);
  }
  CHECK(rows == 4);
  CHECK(queries == 60);
  CHECK(macro == Approx(m.at("macro_recall@1").get<double>()).margin(1e-5));
  CHECK(micro == Approx(m.at("recall@1").get<double>()).margin(1e-5));
}

TEST_CASE("eval: stored metrics of before and after intervals stand side by side", "[eval]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "old");
  std::filesystem::create_directories(folder / "new");
  spill(folder / "old/metrics.json", R"({"recall@1":0.5,"recall@2":0.6,"map@r":0.25,"queries":4})");
  spill(folder / "new/metrics.json",
        R"({"recall@1":0.7,"recall@1_ci":[0.6,0.8],"recall@2":0.9,"map@r":0.5,"map@r_ci":[0.1,0.2],"queries":4})");
  const std::string table = must(folder, {"eval", "old", "new"}).out;
  CHECK_THAT(table, Contains("R@1") && Contains("50.00   60.00   25.00") && Contains("70.00   90.00   50.00"));
}

TEST_CASE("eval: queries of one model in the gallery of another", "[eval]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 8, 32, 1);
  make_pictures(folder / "test", 3, 6, 32, 2);
  must(folder, Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "teacher"});
  must(folder, Arguments{"train"} + tiny("mobilenet_v1") + Arguments{"--run", "student"});
  const Arguments shared = {"--data", "test", "--json", "--quiet", "--threads", "1"};
  const auto eval = [&](const Arguments& flags) {
    return json::parse(must(folder, Arguments{"eval"} + flags + shared).out);
  };
  // A model in its own gallery is the plain evaluation: the query's own picture is left out by its place.
  const json alone = eval({"--model", "teacher"});
  CHECK(eval({"--model", "teacher", "--gallery-model", "teacher"}) == alone);
  const json mixed = eval({"--model", "student", "--gallery-model", "teacher"});
  CHECK(mixed.at("queries") == 18);
  CHECK(mixed.at("gallery") == 18);
  CHECK(mixed != eval({"--model", "student"}));
  CHECK(mixed != eval({"--model", "teacher", "--gallery-model", "student"}));
  // A gallery that is named holds other pictures, and those of the queries are left out of it: found first, they would
  // make any model look perfect. What is left is the plain evaluation, with a count.
  json named = eval({"--model", "teacher", "--gallery", "test", "--gallery-model", "teacher"});
  CHECK(named.at("own_pictures") == 18);
  named.erase("own_pictures");
  CHECK(named == alone);
  // Poor queries in a good gallery, and the other way round.
  const json poor = eval({"--model", "teacher", "--degrade", "downsample=8,blur=3", "--gallery-degrade", "none"});
  CHECK(poor != alone);
  CHECK(poor != eval({"--model", "teacher", "--degrade", "downsample=8,blur=3"}));
  CHECK(poor != eval({"--model", "teacher", "--gallery-degrade", "downsample=8,blur=3"}));
  CHECK(eval({"--model", "teacher", "--degrade", "none", "--gallery-degrade", "none"}) == alone);

  Arguments narrow = tiny("mobilenet_v1");
  *std::find(narrow.begin(), narrow.end(), "16") = "8";  // --embedding
  must(folder, Arguments{"train"} + narrow + Arguments{"--run", "narrow"});
  const Outcome refused =
      run_fledge(folder, Arguments{"eval", "--model", "narrow", "--gallery-model", "teacher"} + shared);
  CHECK(refused.code != 0);
  CHECK_THAT(refused.err, Contains("8 numbers") && Contains("16") && Contains("--embedding"));
  write_embeddings(folder);
  CHECK(run_fledge(folder, kStored + Arguments{"--gallery-model", "teacher"}).code != 0);
}
