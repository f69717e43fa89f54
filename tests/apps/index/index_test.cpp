// An index: all of its files or none, what wrote it, and the numbers it holds.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "apps/index/index_search.h"
#include "apps/index/search_index.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/table.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// Two small models and pictures; made once.
struct Models {
  TempFolder folder;
  Models() {
    make_pictures(folder / "train", 4, 6, 28, 51);
    make_pictures(folder / "test", 3, 4, 28, 52);
    for (const std::string name : {"run", "other"})
      must(folder, Arguments{"train"} + tiny() +
                       Arguments{"--run", name, "--seed", name == "run" ? "0" : "1", "--final-eval=false"});
    must(folder, {"embed", "--model", "run", "--data", "test", "--output", "index", "--quiet"});
  }
};
const Models& models() {
  static const Models shared;
  return shared;
}

/// Refused with 3, naming what differs, in search and in eval; compared all the same on request.
void mismatch(const Arguments& flags, const std::vector<std::string>& words) {
  const TempFolder& folder = models().folder;
  const Arguments search = Arguments{"search", "--index", "index", "--data", "test"} + flags;
  const Arguments eval =
      Arguments{"eval", "--data", "test", "--gallery-embeddings", "index.npy", "--gallery-table", "index.tsv"} + flags;
  for (const Arguments& arguments : {search, eval}) {
    const Outcome refused = run_fledge(folder, arguments);
    INFO(refused.err);
    CHECK(refused.code == 3);
    CHECK(refused.out.empty());
    for (const auto& word : words) CHECK_THAT(refused.err, Contains(word));
    CHECK_THAT(refused.err, Contains("--allow-mismatch"));
    const Outcome allowed = must(folder, arguments + Arguments{"--allow-mismatch"});
    for (const auto& word : words) CHECK_THAT(allowed.err, Contains(word));
  }
}

}  // namespace

TEST_CASE("an index says which model wrote it and how pictures were prepared", "[e2e][index]") {
  const TempFolder& folder = models().folder;
  const json info = read_json(folder / "index.index.json");
  CHECK(info.at("format") == "fledge-index-1");
  CHECK(info.at("model").at("output") == "embedding");
  CHECK(info.at("model").at("weights").get<std::string>().size() == 32);
  CHECK(info.at("preprocessing").at("size") == 28);
  CHECK(info.at("preprocessing").at("mean").size() == 3);
  CHECK(info.at("precision") == "f32");
  CHECK(info.at("rows") == 12);
  CHECK(info.at("dims") == 16);

  mismatch({"--model", "run", "--size", "24"}, {"--size 28 in the index, 24 here"});
  mismatch({"--model", "run", "--resize-short", "40"}, {"--resize-short"});
  mismatch({"--model", "run", "--normalize", "half"}, {"--normalize mean 0.485", "mean 0.5 0.5 0.5"});
  mismatch({"--model", "run", "--exif-rotate", "off"}, {"--exif-rotate on in the index, off here"});
  mismatch({"--model", "other"}, {"another model", "the weights differ"});

  // The same weights in another file are the same model; nothing is said.
  must(folder, {"convert", "run", "-o", "run.pth", "--quiet"});
  for (const Arguments& model :
       {Arguments{"--model", "run"}, Arguments{"--model", "run.pth", "--size", "28", "--resize-short", "0"}}) {
    const Outcome same =
        run_fledge(folder, Arguments{"search", "--index", "index", "--data", "test", "--top", "1"} + model);
    INFO(same.err);
    CHECK(same.code == 0);
    CHECK_THAT(same.err, !Contains("differ") && !Contains("not known"));
  }
  // Poorer queries are a choice, not a mistake: said.
  const Outcome poor = must(
      folder, {"search", "--index", "index", "--model", "run", "--data", "test", "--degrade", "blur=1", "--top", "1"});
  CHECK_THAT(poor.err, Contains("--degrade none in the index, blur=1 here"));
}

TEST_CASE("stored queries and their index must be of one model and preparation", "[e2e][index]") {
  const TempFolder& folder = models().folder;
  must(folder, {"embed", "--model", "other", "--data", "test", "--output", "theirs", "--quiet"});
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "smaller", "--size", "24", "--quiet"});
  for (const std::string name : {"theirs", "smaller"}) {
    const Arguments eval = {"eval",      "--embeddings",    name + ".npy",
                            "--table",   name + ".tsv",     "--gallery-embeddings",
                            "index.npy", "--gallery-table", "index.tsv"};
    const Outcome refused = run_fledge(folder, eval);
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains(name == "theirs" ? "another model" : "--size 28 in the index, 24 here"));
    must(folder, eval + Arguments{"--allow-mismatch"});
    CHECK(run_fledge(folder, {"search", "--index", "index", "--queries", name}).code == 3);
    must(folder, {"eval", "--embeddings", name + ".npy", "--table", name + ".tsv"});  // alone it may be anything
  }
}

TEST_CASE("an index without its description is read with a word, one of other files is refused", "[e2e][index]") {
  const TempFolder& folder = models().folder;
  for (const std::string end : {".npy", ".tsv"}) fs::copy(folder / ("index" + end), folder / ("old" + end));
  const Arguments search = {"search", "--index", "old", "--model", "run", "--data", "test", "--top", "1"};
  CHECK_THAT(must(folder, search).err, Contains("'old' has no old.index.json") && Contains("not known"));
  CHECK(must(folder, search + Arguments{"--quiet"}).err.empty());

  // Half of another embed: as a process killed between two steps would leave it.
  must(folder, {"embed", "--model", "other", "--data", "test", "--output", "mixed", "--quiet"});
  const std::string table = text_of(folder / "mixed.tsv");
  const Arguments mixed = {"search", "--index", "mixed", "--queries", "mixed", "--top", "1"};
  must(folder, mixed);
  fs::copy(folder / "index.npy", folder / "mixed.npy", fs::copy_options::overwrite_existing);
  Outcome refused = run_fledge(folder, mixed);
  CHECK(refused.code == 3);
  CHECK_THAT(refused.err, Contains("'mixed.npy' is not the one that 'mixed.index.json' tells of"));
  must(folder, {"embed", "--model", "other", "--data", "test", "--output", "mixed", "--quiet"});
  spill(folder / "mixed.tsv", "path\tlabel\n" + table.substr(table.find('\n') + 1) + "x\ty\n");
  CHECK(run_fledge(folder, mixed).code == 3);
  std::string swapped = table;
  std::swap(swapped[swapped.find("class0\t") == std::string::npos ? swapped.find("class0\n") + 5
                                                                  : swapped.find("class0\t") + 5],
            swapped[swapped.rfind("class2") + 5]);
  spill(folder / "mixed.tsv", swapped);
  refused = run_fledge(folder, mixed);
  CHECK(refused.code == 3);
  CHECK_THAT(refused.err, Contains("'mixed.tsv' is not the one") && Contains("remove mixed.index.json"));
  for (const std::string damage :
       {"", "{", "[]", "{\"format\":\"fledge-index-1\"}", "{\"format\":\"fledge-index-9\"}"}) {
    spill(folder / "mixed.index.json", damage);
    refused = run_fledge(folder, mixed);
    INFO(damage << refused.err);
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains("mixed.index.json"));
  }
}

TEST_CASE("embed writes all of its files or none, and keeps older ones", "[e2e][index]") {
  const TempFolder& m = models().folder;
  const Arguments embed = {"embed", "--model", m / "run", "--data", m / "test", "--output", "out", "--quiet"};
  const std::vector<std::string> files = {"out.npy", "out.tsv", "out.index.json"};
  const auto there = [](const TempFolder& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(std::string(folder.path())))
      if (entry.path().filename().string().rfind("output-", 0) != 0) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  for (const auto& blocked : files) {  // a folder has the name: seen before the work
    INFO(blocked);
    const TempFolder folder;
    fs::create_directory(folder / blocked);
    const Outcome refused = run_fledge(folder, embed);
    CHECK(refused.code == 4);
    CHECK_THAT(refused.err, Contains(blocked));
    CHECK(there(folder) == std::vector<std::string>{blocked});
  }
  // The disk is full in the middle: of the first file, of the last one.
  for (const std::int64_t room : {100, 600}) {
    const TempFolder folder;
    INFO(room);
    CHECK(Process(folder, embed, room).wait().code == 4);
    CHECK(there(folder).empty());
    for (const auto& name : files) spill(folder / name, "old " + name);
    CHECK(Process(folder, embed, room).wait().code == 4);
    CHECK(there(folder).size() == 3);
    for (const auto& name : files) CHECK(text_of(folder / name) == "old " + name);
  }
  const TempFolder folder;  // temporaries of a killed process go, those of a living one stay
  spill(folder / "out.npy.tmp-999999999-0", std::string("dead"));
  const AtomicFile alive(folder / "out.tsv");
  spill(folder / "outer.npy.tmp-999999999-0", std::string("another's"));
  must(folder, embed);
  CHECK(there(folder).size() == 5);
  CHECK(!fs::exists(folder / "out.npy.tmp-999999999-0"));
}

TEST_CASE("search in float64 and whole numbers is that of the plain program in double", "[search][index]") {
  Generator g(5);
  for (const double offset : {0.0, 1e6, 1e9, 1e12, -1e15})
    for (const double step : {1.0 / 64, 1.0}) {
      INFO(offset << " in steps of " << step);
      const std::int64_t n = 300, d = 7, count = 40;
      std::vector<double> x, q;
      for (std::int64_t i = 0; i < n * d; ++i) x.push_back(offset + step * std::round(g.normal() * 20));
      for (std::int64_t i = 0; i < count * d; ++i) q.push_back(offset + step * std::round(g.normal() * 20));
      const SearchAnswers found =
          search_index({from_vector(q, {count, d}), from_vector(x, {n, d}), {}, {}}, 9, INFINITY);
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        std::vector<std::pair<double, std::int64_t>> all;
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < d; ++k) sum += std::pow(q[i * d + k] - x[j * d + k], 2);
          all.emplace_back(std::sqrt(sum), j);
        }
        std::sort(all.begin(), all.end());
        for (std::size_t r = 0; r < 9; ++r) {
          const FoundPicture& neighbor = found.queries[i].neighbors[r];
          wrong += neighbor.row != all[r].second || neighbor.distance != Approx(all[r].first).epsilon(1e-13);
        }
      }
      CHECK(wrong == 0);
    }
}

TEST_CASE("stored numbers keep their precision on the way to a search, or are refused", "[e2e][index]") {
  const TempFolder folder;
  const auto write = [&](const std::string& name, const Tensor& rows) {
    save_npy(folder / (name + ".npy"), rows);
    LabelTable table;
    for (std::int64_t i = 0; i < rows.dim(0); ++i)
      table.paths.push_back(name + std::to_string(i)), table.labels.push_back("c");
    save_table(folder / (name + ".tsv"), table);
  };
  const auto nearest = [&](const std::string& queries) {
    const Arguments search = {"search", "--index", "i", "--queries", queries, "--top", "1", "--json", "--quiet"};
    return json::parse(must(folder, search).out).at("queries")[0].at("results")[0];
  };
  constexpr double kFar = 1e9;  // float32 knows steps of 64 there
  write("i", from_vector<double>({kFar + 9, kFar + 2, kFar + 5}, {3, 1}));
  write("q", from_vector<double>({kFar + 3}, {1, 1}));
  CHECK(nearest("q").at("path") == "i1");
  CHECK(nearest("q").at("distance") == 1);
  write("w", from_vector<std::int64_t>({1000000006}, {1, 1}));  // whole numbers against float64
  CHECK(nearest("w").at("path") == "i2");
  write("f", from_vector<float>({1e9f}, {1, 1}));
  CHECK(nearest("f").at("distance") == 2);

  constexpr std::int64_t kLimit = std::int64_t{1} << 53;
  write("i", from_vector<std::int64_t>({kLimit, kLimit - 1}, {2, 1}));
  write("q", from_vector<std::int64_t>({kLimit - 1}, {1, 1}));
  CHECK(nearest("q").at("path") == "i1");
  write("i", from_vector<std::int64_t>({0, kLimit * 4, kLimit + 1}, {3, 1}));
  for (const Arguments& verb : {Arguments{"search", "--index", "i", "--queries", "q"},
                                Arguments{"eval", "--embeddings", "i.npy", "--table", "i.tsv"}}) {
    const Outcome refused = run_fledge(folder, verb);
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains("row 2 of 'i.npy' holds 9007199254740993"));
  }
}
