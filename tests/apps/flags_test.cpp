// Values and flags that once meant something else than what was written, or nothing: octal numbers, NaN, flags that a
// form of a verb passes over, keys that stand twice, outputs that are inputs.
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <thread>

#include "io/npy.h"
#include "tensor/creation.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct FlagsFolder {
  TempFolder folder;
  FlagsFolder() {
    make_pictures(folder / "train", 4, 6, 28, 5);
    make_pictures(folder / "test", 3, 4, 28, 6);
  }
  std::string config(const Arguments& more) const {
    return must(folder, Arguments{"train", "--print-config"} + more).out;
  }
  void refused(const Arguments& arguments, const std::string& word, int code = 2) const {
    const Outcome o = run_fledge(folder, arguments);
    INFO(arguments[0] << " ... " << arguments.back() << ": " << o.err);
    CHECK(o.code == code);
    CHECK_THAT(o.err, Contains(word));
  }
};

}  // namespace

TEST_CASE("numbers are decimal, fit, and are numbers", "[flags]") {
  const FlagsFolder f;
  CHECK_THAT(f.config({"--epochs", "010", "--seed", "0007"}),
             Contains("epochs = \"10\"\n") && Contains("seed = \"7\"\n"));
  CHECK_THAT(f.config({"--seed", "18446744073709551615"}), Contains("seed = \"18446744073709551615\"\n"));
  CHECK_THAT(f.config({"--unit-embedding", "False"}), Contains("unit-embedding = \"False\""));
  for (const auto& [flag, value, word] :
       std::vector<std::array<std::string, 3>>{{"--epochs", "0x10", "no whole number"},
                                               {"--epochs", "1e3", "no whole number"},
                                               {"--seed", "18446744073709551616", "too large"},
                                               {"--seed", "-1", "below 0"},
                                               {"--lr", "nan", "no number"},
                                               {"--lr", "1e-400", "too small"},
                                               {"--loss-weight", "-1", "-1 is below 0"},
                                               {"--lr", "inf", "no finite number"},
                                               {"--weight-decay", "-inf", "no finite number"},
                                               {"--lr", "-1", "-1 is below 0"},
                                               {"--validation", "nan", "no number"},
                                               {"--max-bad-fraction", "NaN", "no number"},
                                               {"--clip-grad", "nan", "no number"},
                                               {"--warmup-epochs", "1e19", "warmup-epochs"},
                                               {"--unit-embedding", "0.5", "neither true nor false"},
                                               {"--unit-embedding", "-1", "neither true nor false"}})
    f.refused({"train", "--train", "train", "--run", "x", flag, value}, word);
  const Arguments distill = Arguments{"distill"} + tiny() + Arguments{"--run", "x", "--teacher", "run", "--distill"};
  must(f.folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  f.refused(distill + Arguments{"relative=-1"}, "would drive the student away");
  f.refused(distill + Arguments{"relative=1,absolute=1,relative=2"}, "'relative' is there twice");
  CHECK_FALSE(std::filesystem::exists(f.folder / "x"));
}

TEST_CASE("a config may come out of a pipe; a folder is none", "[flags]") {
  const FlagsFolder f;
  spill(f.folder / "c.toml", std::string("epochs = 3\n"));
  REQUIRE(::mkfifo((f.folder / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { spill(f.folder / "pipe", std::string("epochs = 5\n")); });
  CHECK_THAT(f.config({"--config", "pipe"}), Contains("epochs = \"5\""));
  writer.join();
  f.refused({"train", "--config", "train"}, "cannot read config file 'train': it is a folder");
  f.refused({"train", "--config", "nosuch"}, "cannot read config file 'nosuch': no such file");
}

TEST_CASE("a crop that leaves most of each picture out is said", "[flags]") {
  const FlagsFolder f;
  const Arguments whole = Arguments{"train"} + tiny();
  CHECK_THAT(must(f.folder, whole + Arguments{"--run", "run"}).err, !Contains("only the middle"));
  const std::string word = "only the middle 28 x 28 pixels of a short side of 256 are seen";
  CHECK_THAT(must(f.folder, whole + Arguments{"--run", "run2", "--test-resize-short", "256"}).err,
             Contains(word) && Contains("a short side of 32"));
  for (const std::string& verb : {"eval", "embed"}) {
    const Arguments pictures = {verb, "--model", "run", "--data", "test", "--resize-short", "256", "--quiet"};
    CHECK_THAT(must(f.folder, pictures + (verb == "embed" ? Arguments{"--output", "o"} : Arguments{})).err,
               Contains(word));
  }
  CHECK_THAT(must(f.folder, {"convert", "run", "-o", "m.safetensors", "--resize-short", "256"}).err, Contains(word));
}

TEST_CASE("a key stands once in a config file, and a file once on the command line", "[flags]") {
  const FlagsFolder f;
  spill(f.folder / "twice.toml", std::string("[a]\nlr = 0.01\n[b]\nlr = 0.02\n"));
  f.refused({"train", "--config", "twice.toml"}, "twice.toml:4: 'lr' is there before, in line 2");
  spill(f.folder / "inner.toml", std::string("[a]\nlr = 0.01\n[a.b]\nlr = 0.02\n"));
  f.refused({"train", "--config", "inner.toml"}, "'lr' is there before");
  spill(f.folder / "preset.toml", std::string("preset = \"omniglot/teacher\"\n"));
  f.refused({"train", "--config", "preset.toml"}, "'preset' cannot be said in a config file");
  spill(f.folder / "help.toml", std::string("help = \"x\"\n"));
  f.refused({"train", "--config", "help.toml"}, "'help' cannot be said in a config file");
  f.refused({"train", "--config", "a.toml", "--config=b.toml"}, "--config is there twice");
}

TEST_CASE("flags that say nothing are refused, printed configs are taken", "[flags]") {
  const FlagsFolder f;
  save_npy(f.folder / "e.npy", from_vector(std::vector<float>{0, 0, 1, 1, 5, 5, 6, 6}, {4, 2}));
  spill(f.folder / "e.tsv", std::string("path\tlabel\na\tx\nb\tx\nc\ty\nd\ty\n"));
  const Arguments stored = {"eval", "--embeddings", "e.npy", "--table", "e.tsv"};
  must(f.folder, stored);
  must(f.folder, stored + Arguments{"--size", "0", "--copies", "keep"});  // what it is anyhow
  for (const Arguments& more : {Arguments{"--classes", "0"}, {"--data", "test"}, {"--size", "32"}, {"--pooled"}})
    f.refused(stored + more, more[0] + " says nothing of stored embeddings");
  f.refused(stored + Arguments{"--gallery-table", "e.tsv"},
            "--gallery-table says nothing without --gallery-embeddings");
  f.refused(stored + Arguments{"--spread"}, "--spread says nothing without runs");
  must(f.folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  f.refused({"eval", "run", "--data", "test"}, "--data says nothing of stored metrics");
  f.refused({"eval", "run", "--per-class", "p.tsv"}, "--per-class says nothing of stored metrics");
  f.refused({"eval", "--model", "run", "--data", "test", "--gallery-classes", "0"}, "without --gallery");
  f.refused({"eval", "--model", "run", "--data", "test", "--map", "nosuch"}, "--map says nothing of 'run'");
  f.refused({"eval", "--model", "run", "--data", "test", "--arch", "resnet50"}, "which is a resnet18 by its metadata");
  f.refused({"embed", "--model", "run", "--data", "test", "--output", "o", "--stem", "imagenet"}, "of the stem small");
  must(f.folder, {"embed", "--model", "run", "--data", "test", "--output", "o", "--arch", "resnet18", "--quiet"});
  f.refused({"convert", "run", "-o", "m.safetensors", "--map", "nosuch"}, "map says nothing of");
  f.refused(Arguments{"distill"} + tiny() +
                Arguments{"--teacher", "run", "--teacher-ema", "--distill", "relative=1", "--run", "x"},
            "--teacher-ema says nothing of 'run'");
  save_npy(f.folder / "in.npy", zeros({1, 3, 28, 28}));
  f.refused({"embed", "--model", "run", "--input", "in.npy", "--normalize", "half", "--output", "o"},
            "--normalize says");
  const std::string printed = must(f.folder, stored + Arguments{"--print-config"}).out;
  spill(f.folder / "printed.toml", printed);
  must(f.folder, {"eval", "--config", "printed.toml"});
}

TEST_CASE("no output is written over an input or over somebody else's file", "[flags]") {
  const FlagsFolder f;
  save_npy(f.folder / "e.npy", from_vector(std::vector<float>{0, 0, 1, 1, 5, 5, 6, 6}, {4, 2}));
  const std::string table = "path\tlabel\na\tx\nb\tx\nc\ty\nd\ty\n";
  spill(f.folder / "e.tsv", table);
  const Arguments stored = {"eval", "--embeddings", "e.npy", "--table", "e.tsv", "--per-class"};
  f.refused(stored + Arguments{"e.tsv"}, "'e.tsv' is there and is no table of classes");
  CHECK(text_of(f.folder / "e.tsv") == table);
  must(f.folder, stored + Arguments{"p.tsv"});
  must(f.folder, stored + Arguments{"p.tsv"});  // its own may be written anew
  const Bytes picture = slurp(f.folder / "train/class0/0.png");
  f.refused({"data", "prepare", "--data", "train", "--output", "train/class0/0.png"}, "is no pack");
  CHECK(slurp(f.folder / "train/class0/0.png") == picture);
  must(f.folder, {"data", "prepare", "--data", "train", "--output", "t.pack"});
  f.refused({"data", "prepare", "--data", "t.pack", "--output", "./t.pack"}, "which is read");
  must(f.folder, {"data", "prepare", "--data", "train", "--output", "t.pack"});
  must(f.folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  must(f.folder, {"convert", "run", "-o", "m.safetensors"});
  f.refused({"convert", "m.safetensors", "-o", "./m.safetensors"}, "which is read");
  f.refused({"report", "run", "--map", "none", "-o", "run/metrics.json"}, "no page of fledge report");
  must(f.folder, {"report", "run", "--map", "none", "-o", "r.html", "--quiet"});
  must(f.folder, {"report", "run", "--map", "none", "-o", "r.html", "--quiet"});
}

TEST_CASE("runs side by side: numbers stand under their own names", "[flags]") {
  const FlagsFolder f;
  const auto run = [&](const std::string& name, const std::string& metrics) {
    std::filesystem::create_directories(f.folder / name);
    spill(f.folder / (name + "/metrics.json"), metrics);
  };
  run("k-0", R"({"recall@1": 0.25, "recall@2": 0.5, "map@r": 0.1, "queries": 20})");
  run("k-1", R"({"recall@1": 0.75, "recall@10": 1.0, "map@r": 0.2, "queries": 3})");
  const std::string table = must(f.folder, {"eval", "k-0", "k-1"}).out;
  CHECK_THAT(table, Contains("model     R@1     R@2    R@10   MAP@R\n") &&
                        Contains("k-1     75.00       -  100.00   20.00\n") &&
                        Contains("different numbers of queries"));
  f.refused({"eval", "--spread", "k-0", "k-1"}, "different sets of metrics", 3);
  f.refused({"eval", "k-0", "./k-0"}, "is there twice");
  run("cars-teacher", R"({"recall@1": 0.5, "map@r": 0.1, "queries": 20})");
  run("cars-alone", R"({"recall@1": 0.6, "map@r": 0.1, "queries": 20})");
  CHECK_THAT(must(f.folder, {"eval", "--spread", "cars-teacher", "cars-alone"}).out,
             Contains("cars-teacher      1   50.00 ") && Contains("cars-alone        1   60.00 ") && !Contains("+-"));
  run("far", R"({"recall@1": 0.5, "recall@99999999999999999999": 1, "queries": 20})");
  CHECK_THAT(must(f.folder, {"eval", "far"}).out, Contains("far") && Contains("50.00"));
}

TEST_CASE("boxes that are asked for and are not there are named", "[flags]") {
  const FlagsFolder f;
  spill(f.folder / "some.csv",
        std::string("path,label,x,y,width,height\ntest/class0/0.png,a,1,1,9,9\n"
                    "test/class0/1.png,a,,,,\ntest/class1/0.png,b,,,,\ntest/class1/1.png,b,,,,\n"));
  const Outcome trained = must(f.folder, Arguments{"train"} + tiny() + Arguments{"--boxes", "both", "--run", "run"});
  CHECK_THAT(trained.err, Contains("train: none of the 24 pictures has a bounding box"));
  const Arguments eval = {"eval", "--model", "run", "--quiet", "--data"};
  CHECK_THAT(must(f.folder, eval + Arguments{"test"}).err, Contains("none of the 12 pictures has a bounding box"));
  CHECK_THAT(must(f.folder, eval + Arguments{"some.csv"}).err,
             Contains("3 of the 4 pictures have no bounding box ('test/class0/1.png', ...)"));
  CHECK_THAT(must(f.folder, eval + Arguments{"test", "--box", "off"}).err, !Contains("bounding box"));
}

TEST_CASE("fast decoding is for random crops of pictures as they are, and stays as it was", "[flags]") {
  const FlagsFolder f;
  const Arguments train = Arguments{"train"} + tiny() + Arguments{"--fast-decode", "true", "--run"};
  must(f.folder, train + Arguments{"run"});
  for (const Arguments& more : {Arguments{"--augment", "paper"}, {"--resize-short", "30"}, {"--random-crop", "false"}})
    f.refused(train + Arguments{"other"} + more, "--fast-decode is for random crops");
  f.refused(train + Arguments{"run", "--fast-decode", "false", "--resume", "auto"}, "fast-decode");
}

TEST_CASE("a run that chooses its result is resumed with what it chooses by", "[flags]") {
  const FlagsFolder f;
  const Arguments run = Arguments{"train"} + tiny() + Arguments{"--run", "run", "--select", "test"};
  must(f.folder, run);
  for (const Arguments& more : {Arguments{"--recall-at", "8"}, {"--test-queries", "5"}, {"--eval-every", "7"}})
    f.refused(run + more + Arguments{"--resume", "auto"}, more[0].substr(2));
  const Arguments plain = Arguments{"train"} + tiny() + Arguments{"--run", "plain"};
  must(f.folder, plain);
  must(f.folder, plain + Arguments{"--recall-at", "8", "--resume", "auto"});
}

TEST_CASE("one number in two spellings on the two sides is refused, of pictures too", "[flags]") {
  const FlagsFolder f;
  must(f.folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const auto list = [&](const std::string& name, const std::string& label) {
    spill(f.folder / name, "path,label\ntest/class0/0.png," + label + "\ntest/class0/1.png," + label + "\n");
  };
  list("whole.csv", "3"), list("point.csv", "3.0");
  const Arguments eval = {"eval", "--model", "run", "--quiet", "--data", "whole.csv", "--gallery"};
  f.refused(eval + Arguments{"point.csv"}, "'3.0' is the number '3'", 3);
  must(f.folder, eval + Arguments{"whole.csv"});
  must(f.folder, {"embed", "--model", "run", "--data", "point.csv", "--output", "i", "--quiet"});
  f.refused({"eval", "--model", "run", "--quiet", "--data", "whole.csv", "--gallery-embeddings", "i.npy",
             "--gallery-table", "i.tsv"},
            "is the number", 3);
  const Arguments search = {"search", "--index", "i", "--model", "run", "--data", "whole.csv", "--quiet"};
  f.refused(search + Arguments{"--match"}, "is the number", 3);
  must(f.folder, search);
}
