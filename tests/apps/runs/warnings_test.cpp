// Figures that mean nothing, or flatter, and are printed as if they did not: a word must stand beside them.
#include <catch2/catch.hpp>
#include <filesystem>

#include "data/identity/similar_names.h"
#include "io/checkpoint/safetensors.h"
#include "io/npy.h"
#include "io/table.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/apps/runner.h"
#include "train/evaluation/equal_embeddings.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

Tensor rows_around(float center, float spread, int n = 12, int d = 4) {
  Generator g(3);
  std::vector<float> x;
  for (int i = 0; i < n * d; ++i) x.push_back(center + spread * static_cast<float>(g.normal()));
  return from_vector(x, {n, d});
}

std::string table_of(int rows) {
  std::string text = "path\tlabel\n";
  for (int i = 0; i < rows; ++i) text += "p" + std::to_string(i) + "\tc" + std::to_string(i % 3) + "\n";
  return text;
}

Arguments stored(const std::string& name) {
  return {"eval", "--embeddings", name + ".npy", "--table", name + ".tsv", "--quiet"};
}

}  // namespace

TEST_CASE("embeddings that differ by rounding only are said, whatever the figures", "[warnings]") {
  CHECK(collapsed_spread(rows_around(1, 6e-8f)).has_value());
  CHECK(collapsed_spread(zeros({5, 3})).has_value());
  CHECK_FALSE(collapsed_spread(rows_around(1, 1e-4f)).has_value());
  CHECK_FALSE(collapsed_spread(rows_around(1, 6e-8f).to(DType::Float64)).has_value());  // which may be exact
  std::vector<float> tall;  // one large number in each row, and others that tell them apart
  for (int i = 0; i < 12; ++i)
    for (int k = 0; k < 4; ++k)
      tall.push_back(k == 0 ? 1e7f : static_cast<float>(i % 3) + 0.1f * static_cast<float>(k * i % 5));
  CHECK_FALSE(collapsed_spread(from_vector(tall, {12, 4})).has_value());
  const Tensor two = rows_around(1, 6e-8f, 2), many = rows_around(0, 1);
  CHECK(collapsed_spread(two, rows_around(1, 6e-8f)).has_value());
  CHECK_FALSE(collapsed_spread(two, many).has_value());  // a healthy gallery
  const TempFolder folder;
  save_npy(folder / "e.npy", rows_around(1, 6e-8f));
  spill(folder / "e.tsv", table_of(12));
  CHECK_THAT(must(folder, stored("e")).err, Contains("the same but for rounding") && Contains("mean nothing"));
  std::vector<float> zero;  // 0 and -0 are one number
  for (int i = 0; i < 48; ++i) zero.push_back(i % 5 ? 0.f : -0.f);
  save_npy(folder / "e.npy", from_vector(zero, {12, 4}));
  CHECK_THAT(must(folder, stored("e")).err, Contains("all 12 embeddings are equal"));
}

TEST_CASE("a teacher that tells no pictures apart is said before it teaches", "[warnings][e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 28, 51);
  make_pictures(folder / "test", 3, 4, 28, 52);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "teacher"});
  const std::string file = "teacher/checkpoints/" + checkpoints(folder / "teacher").back() + "/model.safetensors";
  SafetensorsFile saved = load_safetensors(folder / file);
  for (auto& [name, t] : saved.tensors)
    if (name == "feat.weight") t = zeros(t.dims());
  save_safetensors(folder / "flat.safetensors", saved.tensors, saved.metadata);
  const Arguments distill =
      Arguments{"distill"} + tiny() + Arguments{"--distill", "relative=1", "--loss", "none", "--teacher"};
  CHECK_THAT(must(folder, distill + Arguments{"flat.safetensors", "--run", "a"}).err,
             Contains("the teacher's embeddings of a batch are the same but for rounding"));
  REQUIRE(log_lines(folder / "a", "warning").size() >= 1);
  CHECK_THAT(must(folder, distill + Arguments{"teacher", "--run", "b"}).err, !Contains("teacher's embeddings"));
}

TEST_CASE("a path that stands twice in a table is refused", "[warnings]") {
  const TempFolder folder;
  save_npy(folder / "e.npy", rows_around(0, 1));
  std::string doubled = table_of(12);
  doubled.replace(doubled.find("p7"), 2, "p2");
  spill(folder / "e.tsv", doubled);
  const Outcome o = run_fledge(folder, stored("e"));
  CHECK(o.code == 3);
  CHECK_THAT(o.err, Contains("line 9: 'p2' is there before, in line 4"));
}

TEST_CASE("labels with blanks at their ends come back from a table as they were", "[warnings]") {
  const std::vector<std::string> labels = {"cat", "cat ",   " cat",    "\xc2\xa0 cat\xc2\xa0",
                                           "  ",  "a\\x20", "\\x20b ", "c d"};
  LabelTable table;
  for (std::size_t i = 0; i < labels.size(); ++i) table.paths.push_back("p" + std::to_string(i));
  table.labels = labels;
  CHECK(parse_table(table_text(table), "t.tsv").labels == labels);
  CHECK(parse_table("path\tlabel\np\t cat \n", "t.tsv").labels == std::vector<std::string>{"cat"});  // by hand

  const TempFolder folder;
  make_pictures(folder / "train", 3, 5, 28, 51);
  make_pictures(folder / "test", 3, 4, 28, 52);
  fs::rename(folder / "test/class1", folder / "test/class0 ");
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const Arguments pictures = {"--model", "run", "--data", "test", "--quiet"};
  must(folder, Arguments{"embed", "--output", "e"} + pictures);
  const Outcome direct = must(folder, Arguments{"eval", "--json"} + pictures),
                kept = must(folder, stored("e") + Arguments{"--json"});
  const auto value = [](const Outcome& o, const char* key) { return nlohmann::json::parse(o.out).at(key); };
  for (const char* key : {"recall@1", "map@r", "queries"}) CHECK(value(direct, key) == value(kept, key));
  for (const Outcome& o : {direct, kept}) CHECK_THAT(o.err, Contains("classes 'class0' and 'class0 ' look alike"));
}

TEST_CASE("classes whose names look alike are named", "[warnings]") {
  CHECK(similar_names({"cat", "dog", "cat", "10", "1"}).empty());
  CHECK_THAT(similar_names({"Cat", "cat"}), Contains("classes 'Cat' and 'cat' look alike"));
  CHECK_THAT(similar_names({"\xc3\xa9te", "e\xcc\x81te"}), Contains("'e\\xcc\\x81te' and '\\xc3\\xa9te'"));
  CHECK_THAT(similar_names({"0", "\"0\"", "1", "\"1\"", "2", "'2'"}), Contains("(2 more such pairs)"));
  CHECK_THAT(similar_names({"a", std::string("a\0", 2)}), Contains("'a' and 'a\\x00'"));
  CHECK_THAT(similar_names({"a",
                            "\xef\xbb\xbf"
                            "a"}),
             Contains("invisible"));
  CHECK_THAT(similar_names({"c0", "NaN"}), Contains("'NaN', which often stands for a missing value"));
  CHECK(similar_names({"\xff", "\xfe"}).empty());  // no text at all
}

TEST_CASE("what a teacher, or the weights at the beginning, were trained on reaches the student", "[warnings][e2e]") {
  const TempFolder folder;
  make_pictures(folder / "first", 4, 6, 28, 51);
  make_pictures(folder / "train", 4, 6, 28, 61);
  make_pictures(folder / "test", 3, 4, 28, 52);
  fs::copy(folder / "first/class1/0.png", folder / "test/class0/other.png");
  must(folder, Arguments{"train"} + tiny() + Arguments{"--train", "first", "--run", "teacher"});
  const Outcome taught = must(folder, Arguments{"distill"} + tiny() +
                                          Arguments{"--teacher", "teacher", "--distill", "relative=1", "--run", "a"});
  CHECK_THAT(taught.err, Contains("warning: teacher 'teacher': 1 of the 13 test pictures is a training picture too"));
  const Outcome begun = must(folder, Arguments{"train"} + tiny() + Arguments{"--weights", "teacher", "--run", "b"});
  CHECK_THAT(begun.err, Contains("warning: --weights 'teacher': 1 of the 13 test pictures"));
  const Outcome measured = must(folder, {"eval", "--model", "teacher", "--data", "test", "--json", "--quiet"});
  CHECK(nlohmann::json::parse(measured.out).at("test_pictures_trained_on") == 1);
}

TEST_CASE("runs that were measured on different pictures are not compared in silence", "[warnings][e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 28, 51);
  make_pictures(folder / "test", 3, 4, 28, 52);
  make_pictures(folder / "test2", 3, 4, 28, 53);
  const Arguments train = Arguments{"train"} + tiny();
  must(folder, train + Arguments{"--run", "r-0"});
  must(folder, train + Arguments{"--run", "r-1", "--seed", "1"});
  must(folder, train + Arguments{"--run", "r-2", "--test", "test2"});
  CHECK_THAT(must(folder, {"eval", "r-0", "r-1"}).out, !Contains("different test pictures"));
  CHECK_THAT(must(folder, {"eval", "--spread", "r-0", "r-1", "r-2"}).out,
             Contains("measured on different test pictures"));
}
