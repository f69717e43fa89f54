// Pictures that a gallery or an index holds although they are the queries': left out of metrics and votes, and counted.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <functional>

#include "apps/index/own_pictures.h"
#include "io/npy.h"
#include "io/table.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

using Texts = std::vector<std::string>;
using Rows = std::vector<std::vector<std::int32_t>>;

/// Letters stand for contents.
Texts contents(const std::string& letters) {
  Texts all;
  for (const char c : letters)
    all.push_back(c == '-' ? "" : c == 'P' ? "pixels:" + std::string(32, 'a') : std::string(32, c));
  return all;
}

/// The definition, pair by pair.
Rows plain_own(const PictureNames& q, const PictureNames& g) {
  Rows all(q.paths.size());
  for (std::size_t i = 0; i < q.paths.size(); ++i)
    for (std::size_t j = 0; j < g.paths.size(); ++j) {
      const std::string a = q.contents.empty() ? "" : q.contents[i], b = g.contents.empty() ? "" : g.contents[j];
      const bool comparable = !a.empty() && a.size() == b.size(), same_path = q.paths[i] == g.paths[j];
      const bool one_root = !q.root.empty() && q.root == g.root;
      if ((comparable && a == b) || (same_path && (one_root || !comparable)))
        all[i].push_back(static_cast<std::int32_t>(j));
    }
  return all;
}

constexpr int kPictures = 60;

Tensor rows_of(std::uint64_t seed) {
  Generator g(seed);
  std::vector<float> x;
  for (int i = 0; i < kPictures; ++i)
    for (int k = 0; k < 6; ++k) x.push_back(static_cast<float>((k == i % 4 ? 1.5 : 0) + g.normal()));
  return from_vector(x, {kPictures, 6});
}
std::string table_of(const std::string& before = "p", const std::function<std::string(int)>& content = {}) {
  std::string text = content ? "path\tlabel\tcontent\n" : "path\tlabel\n";
  for (int i = 0; i < kPictures; ++i)
    text += before + std::to_string(i) + ".png\tc" + std::to_string(i % 4) + (content ? "\t" + content(i) : "") + "\n";
  return text;
}
std::string hash_of(int i) {
  char text[40];
  std::snprintf(text, sizeof text, "%032x", i);
  return text;
}
json eval(const TempFolder& folder, const Arguments& more) {
  return json::parse(must(folder, Arguments{"eval", "--json", "--quiet", "--embeddings", "e.npy"} + more).out);
}
/// Without what only a gallery has.
json metrics_of(json j) {
  for (const char* key : {"own_pictures", "copies"}) j.erase(key);
  return j;
}

}  // namespace

TEST_CASE("whose picture a row shows: by content, else by path", "[own]") {
  const Texts a = {"x/1", "x/2", "x/3", "x/4", "x/5"}, b = {"x/1", "y/2", "x/3", "x//4", "z"}, none;
  for (const std::string& left : {"abcde", "ab-de", "-----", "abPde", "aaade"})
    for (const std::string& right : {"abcde", "zbzda", "-bc--", "aPaPa", "aaaaa"})
      for (const std::string& root : {"", "/r"}) {
        INFO(left << " " << right << " " << root);
        const Texts ca = contents(left), cb = contents(right), normal = {"x/1", "y/2", "x/3", "x/4", "z"};
        const PictureNames q{a, ca, root}, g{b, cb, root}, plain{normal, cb, root};
        Rows expected = plain_own(q, plain);
        if (std::all_of(expected.begin(), expected.end(), [](const auto& rows) { return rows.empty(); }))
          expected.clear();
        CHECK(own_pictures(q, g).rows == expected);
      }
  const Texts same = contents("aabca"), unknown;
  const OwnPictures copies = copies_within({a, same});
  CHECK(copies.rows == Rows{{1, 4}, {0, 4}, {}, {}, {0, 1}});
  CHECK(copies.copies == 3);
  CHECK(copies_within({a, unknown}).rows.empty());
  CHECK(copies_within({a, contents("-----")}).rows.empty());  // what is not known equals nothing
  // Counted apart; without copies they are counted all the same.
  const Texts ca = contents("abcde"), cb = contents("azzza");
  const OwnPictures both = own_pictures({a, ca}, {b, cb});
  CHECK(both.own == 1);
  CHECK(both.copies == 1);
  CHECK(both.rows == Rows{{0, 4}, {}, {}, {}, {}});
  CHECK(own_pictures({a, ca}, {b, cb}, false).rows == Rows{{0}, {}, {}, {}, {}});
  CHECK(own_pictures({a, ca}, {b, cb}, false).copies == 1);
}

TEST_CASE("eval: a gallery that holds the queries measures what the queries among themselves do", "[eval][own]") {
  const TempFolder folder;
  save_npy(folder / "e.npy", rows_of(61));
  spill(folder / "e.tsv", table_of());
  const json alone = eval(folder, {"--table", "e.tsv"});
  CHECK(alone.at("recall@1").get<double>() < 0.9);  // there is something to get wrong
  CHECK(!alone.contains("own_pictures"));
  const Arguments gallery = {"--table", "e.tsv", "--gallery-embeddings", "e.npy", "--gallery-table"};
  const json own = eval(folder, gallery + Arguments{"e.tsv"});
  CHECK(own.at("own_pictures") == kPictures);
  CHECK(metrics_of(own) == alone);
  const std::string text = must(folder, Arguments{"eval", "--embeddings", "e.npy"} + gallery + Arguments{"e.tsv"}).out;
  CHECK_THAT(text, Contains("60 queries have their own picture in the gallery: left out\n"));

  // Under other names nothing tells, but for the contents: then they are copies.
  spill(folder / "other.tsv", table_of("q"));
  CHECK(eval(folder, gallery + Arguments{"other.tsv"}).at("recall@1") == 1.0);
  spill(folder / "known.tsv", table_of("p", hash_of));
  spill(folder / "copies.tsv", table_of("q", hash_of));
  const Arguments known = {"--table", "known.tsv", "--gallery-embeddings", "e.npy", "--gallery-table", "copies.tsv"};
  const json copies = eval(folder, known);
  CHECK(copies.at("own_pictures") == 0);
  CHECK(copies.at("copies") == kPictures);
  CHECK(metrics_of(copies) == alone);
  CHECK(eval(folder, known + Arguments{"--copies", "keep"}).at("recall@1") == 1.0);
  CHECK(eval(folder, known + Arguments{"--copies", "keep"}).at("copies") == kPictures);

  // Equal names of other pictures are no own pictures where contents say so.
  save_npy(folder / "o.npy", rows_of(7));
  spill(folder / "o.tsv", table_of("p", [](int i) { return hash_of(1000 + i); }));
  const json others =
      eval(folder, {"--table", "known.tsv", "--gallery-embeddings", "o.npy", "--gallery-table", "o.tsv"});
  CHECK(others.at("own_pictures") == 0);
  CHECK(others.at("copies") == 0);
}

TEST_CASE("eval: copies among the queries are counted, and leave on request", "[eval][own]") {
  const TempFolder folder;
  // The second half holds the first half's pictures once more.
  std::vector<float> x = rows_of(61).to_vector<float>();
  std::copy_n(x.begin(), x.size() / 2, x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2));
  std::string half = "path\tlabel\tcontent\n", once = "path\tlabel\n";
  for (int i = 0; i < kPictures; ++i) {
    const std::string row = "p" + std::to_string(i) + ".png\tc" + std::to_string(i % (kPictures / 2) % 4);
    half += row + "\t" + hash_of(i % (kPictures / 2)) + "\n";
    if (i < kPictures / 2) once += row + "\n";
  }
  save_npy(folder / "e.npy", from_vector(x, {kPictures, 6}));
  spill(folder / "e.tsv", half);
  const json all = eval(folder, {"--table", "e.tsv"});
  CHECK(all.at("recall@1") == 1.0);  // as the literature counts
  CHECK(all.at("copies") == kPictures);
  CHECK_THAT(must(folder, {"eval", "--embeddings", "e.npy", "--table", "e.tsv"}).out,
             Contains("60 queries have a copy of their picture under another name among the others: copies count"));
  const json without = eval(folder, {"--table", "e.tsv", "--copies", "leave-out"});
  CHECK(without.at("recall@1").get<double>() < 0.9);
  CHECK(without.at("queries") == kPictures);
  // A relevant picture that stays stands there twice, which changes no reciprocal rank of 1: R@1 is that of one half.
  save_npy(folder / "e.npy", from_vector(std::vector<float>(x.begin(), x.begin() + kPictures * 3), {kPictures / 2, 6}));
  spill(folder / "e.tsv", once);
  CHECK(eval(folder, {"--table", "e.tsv"}).at("recall@1") == without.at("recall@1"));
}

TEST_CASE("search: the query's own picture is marked and does not vote", "[e2e][search][own]") {
  const TempFolder folder;
  // On a line: distances are plain to see. Rows 3 and 4 are one picture under two names.
  const auto write = [&](const std::string& name, const std::vector<float>& x, const Texts& labels, const Texts& paths,
                         const std::string& letters) {
    save_npy(folder / (name + ".npy"), from_vector(x, {static_cast<std::int64_t>(x.size()), 1}));
    save_table(folder / (name + ".tsv"), {paths, labels, contents(letters)});
  };
  write("index", {0, 1, 2, 10, 10.5}, {"a", "b", "b", "c", "d"}, {"0", "1", "2", "3", "4"}, "abcdd");
  write("queries", {0, 10, 1.25}, {"a", "c", "b"}, {"0", "3", "new"}, "ad-");
  const Arguments both = {"search", "--index", "index", "--queries", "queries", "--top", "2", "--quiet"};
  const json lists = json::parse(must(folder, both + Arguments{"--json"}).out);
  CHECK(lists.at("own_pictures") == 2);
  CHECK(lists.at("copies") == 1);
  const auto rows = [&](std::size_t q) {
    std::string text;
    for (const json& r : lists.at("queries")[q].at("results"))
      text += r.at("path").get<std::string>() + (r.value("own", false) ? "*" : "");
    return text;
  };
  CHECK(rows(0) == "0*1");
  CHECK(rows(1) == "3*4*");
  CHECK(rows(2) == "12");
  CHECK_THAT(must(folder, both).out, Contains("  a      0  (own picture)\n") && Contains("  b      1\n"));

  const json votes = json::parse(must(folder, both + Arguments{"--json", "--match"}).out).at("queries");
  CHECK(votes[0].at("match") == "b");  // 1 and 2; itself would have given a
  CHECK(votes[0].at("of") == 2);
  CHECK(votes[0].at("own") == 1);
  CHECK(votes[0].at("nearest") == 1);
  CHECK(votes[1].at("match") == "b");  // 2 and 1: both of its own are passed over, however many are asked for
  CHECK(votes[1].at("own") == 2);
  CHECK(votes[1].at("nearest") == 8);
  CHECK(!votes[2].contains("own"));
  const std::string table = must(folder, both + Arguments{"--match"}).out;
  CHECK_THAT(table, Contains("2 queries are in the index themselves, 1 queries have a copy under another name there: "
                             "their own pictures are marked and do not vote\n"));
  // An index of nothing but the query: nobody votes.
  write("one", {0}, {"a"}, {"0"}, "a");
  const json alone =
      json::parse(must(folder, {"search", "--index", "one", "--queries", "one", "--match", "--json", "--quiet"}).out);
  CHECK(alone.at("queries")[0].at("match").is_null());
  CHECK(alone.at("queries")[0].at("nearest").is_null());
  CHECK(alone.at("correct") == 0);
  CHECK_THAT(must(folder, {"search", "--index", "one", "--queries", "one", "--match", "--quiet"}).out,
             Contains("unknown       -        -  0\n"));
  // Rows without a label would vote as one class.
  spill(folder / "one.tsv", std::string("path\tlabel\n0\t\n"));
  const Outcome blank = run_fledge(folder, {"search", "--index", "one", "--queries", "queries", "--match"});
  CHECK(blank.code == 3);
  CHECK_THAT(blank.err, Contains("one.tsv") && Contains("row 1 has no label"));
}

TEST_CASE("search: many copies of one picture do not take the votes of others", "[e2e][search][own]") {
  const TempFolder folder;
  constexpr int kCopies = 500;
  std::vector<float> x(kCopies, 0.f);
  LabelTable table;
  for (int i = 0; i < kCopies; ++i)
    table.paths.push_back("copy" + std::to_string(i)), table.labels.push_back("c"),
        table.contents.push_back(hash_of(7));
  x.push_back(5), x.push_back(6);
  for (const std::string name : {"u", "v"})
    table.paths.push_back(name), table.labels.push_back(name), table.contents.push_back(hash_of(name[0]));
  save_npy(folder / "i.npy", from_vector(x, {kCopies + 2, 1}));
  save_table(folder / "i.tsv", table);
  const json found = json::parse(
      must(folder, {"search", "--index", "i", "--queries", "i", "--match", "--top", "1", "--json", "--quiet"}).out);
  CHECK(found.at("copies") == kCopies);
  for (int i = 0; i < kCopies; ++i) REQUIRE(found.at("queries")[i].at("match") == "u");
  CHECK(found.at("queries")[kCopies].at("match") == "v");
  CHECK(found.at("queries")[kCopies + 1].at("match") == "u");
}

TEST_CASE("eval and report warn of test pictures that the model was trained on", "[e2e][overlap]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 28, 51);
  make_pictures(folder / "test", 3, 4, 28, 52);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const Arguments eval = {"eval", "--data", "test", "--quiet", "--model"};
  CHECK_THAT(must(folder, eval + Arguments{"run"}).err, !Contains("training picture"));
  std::filesystem::copy(folder / "train/class3/5.png", folder / "test/class1/other-name.png");
  const std::string checkpoint = "run/checkpoints/" + checkpoints(folder / "run").back();
  for (const std::string model : {std::string("run"), checkpoint, checkpoint + "/model.safetensors"}) {
    INFO(model);
    CHECK_THAT(must(folder, eval + Arguments{model}).err,
               Contains("1 of the 13 test pictures") && Contains("other-name.png") && Contains("5.png"));
  }
  must(folder, {"report", "run", "--output", "r.html", "--map", "none", "--quiet"});
  CHECK_THAT(text_of(folder / "r.html"), Contains("1 of the 13 test pictures") && Contains("other-name.png"));
}

TEST_CASE("a packed picture is the same as its file, and as itself in a pack of another size", "[e2e][own]") {
  const TempFolder folder;
  make_pictures(folder / "set", 3, 4, 28, 21);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--train", "set", "--test", "set", "--run", "run"});
  must(folder, {"data", "prepare", "--data", "set", "--output", "whole.pack"});
  must(folder, {"data", "prepare", "--data", "set", "--short-side", "14", "--output", "small.pack"});
  std::filesystem::rename(folder / "set/class0/0.png", folder / "set/class0/zero.png");  // under another name
  must(folder, {"data", "prepare", "--data", "set", "--output", "renamed.pack"});
  for (const auto& [data, gallery] : std::vector<std::pair<std::string, std::string>>{{"set", "whole.pack"},
                                                                                      {"whole.pack", "set"},
                                                                                      {"set", "small.pack"},
                                                                                      {"whole.pack", "small.pack"},
                                                                                      {"renamed.pack", "small.pack"}}) {
    INFO(data << " in " << gallery);
    const json j = json::parse(
        must(folder, {"eval", "--model", "run", "--data", data, "--gallery", gallery, "--json", "--quiet"}).out);
    CHECK(j.at("own_pictures").get<int>() + j.value("copies", 0) == 12);
    CHECK(j.value("copies", 0) == (data == "set" || gallery == "set" || data == "renamed.pack" ? 1 : 0));
  }
  const Outcome overlap =
      must(folder, Arguments{"train"} + tiny() + Arguments{"--train", "whole.pack", "--test", "set", "--run", "again"});
  CHECK_THAT(overlap.err, Contains("12 of the 12"));
  for (const std::string data : {"set", "whole.pack", "small.pack"}) {  // trained on a pack, tested on its files
    INFO(data);
    CHECK_THAT(must(folder, {"eval", "--model", "again", "--data", data, "--quiet"}).err,
               Contains("12 of the 12 test pictures"));
  }
}
