// A run's folder under attack: what cannot be read is not absent, nothing outside is touched, a refused start changes
// nothing, checkpoints of released versions load.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "io/file.h"
#include "io/folder.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

Arguments short_run(const std::string& epochs = "1") {
  return {"train",     "--arch",       "resnet18",   "--width",
          "0.03125",   "--stem",       "small",      "--embedding",
          "4",         "--train",      "data/train", "--test",
          "data/test", "--size",       "28",         "--test-resize-short",
          "0",         "--batch-size", "12",         "--images-per-class",
          "4",         "--threads",    "1",          "--device",
          "cpu",       "--workers",    "0",          "--batches-per-epoch",
          "3",         "--epochs",     epochs,       "--loss",
          "triplet",   "--optimizer",  "sgd",        "--seed",
          "5",         "--quiet",      "--run",      "run"};
}

struct LargerPictures : TempFolder {
  LargerPictures() {
    make_pictures(*this / "data/train", 6, 8, 36, 11);
    make_pictures(*this / "data/test", 3, 8, 36, 12);
  }
};

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

}  // namespace

TEST_CASE("a checkpoint of the first released format is evaluated and resumed", "[e2e][safety]") {
  const LargerPictures folder;
  fs::copy(std::string(FLEDGE_SOURCE_DIR) + "/tests/apps/checkpoints/state-1", folder / "run",
           fs::copy_options::recursive);
  const Outcome measured = must(folder, {"eval", "--model", "run", "--data", "data/test", "--json", "--device", "cpu"});
  CHECK_THAT(measured.out, Contains("recall@1"));
  must(folder, short_run("2") + Arguments{"--resume", "auto", "--resume-allow-change", "true"});
  CHECK(checkpoints(folder / "run").back() == "step-00000006");
  CHECK(log_lines(folder / "run", "step").size() == 6);
}

TEST_CASE("a run whose checkpoints are all damaged is not begun anew in silence", "[e2e][safety]") {
  const LargerPictures folder;
  must(folder, short_run());
  const std::string model = folder / "run/checkpoints/step-00000003/model.safetensors";
  auto bytes = slurp(model);
  bytes.back() ^= 1;
  write(model, {bytes.begin(), bytes.end()});
  const auto log = slurp(folder / "run/log.jsonl");
  const Outcome refused = run_fledge(folder, short_run() + Arguments{"--resume", "auto"});
  CHECK(refused.code == 3);
  CHECK(slurp(folder / "run/log.jsonl") == log);
  must(folder, short_run() + Arguments{"--resume", "anew"});
  CHECK(log_lines(folder / "run", "step").size() == 3);
}

TEST_CASE("a checkpoint that is endless, no checkpoint, or another step's is passed over", "[e2e][safety]") {
  const LargerPictures folder;
  const Arguments saves = {"--save-every", "1", "--keep", "3"};
  must(folder, short_run() + saves);
  const fs::path last = folder / "run/checkpoints/step-00000003", before = folder / "run/checkpoints/step-00000002";
  const auto straight = slurp(last / "model.safetensors");
  std::string word = "has another size than it was written with";
  SECTION("state.json of a terabyte") { fs::resize_file(last / "state.json", std::uintmax_t{1} << 40); }
  SECTION("weights of a terabyte") { fs::resize_file(last / "model.safetensors", std::uintmax_t{1} << 40); }
  SECTION("MANIFEST is a pipe") {
    fs::remove(last / "MANIFEST");
    REQUIRE(::mkfifo((last / "MANIFEST").c_str(), 0600) == 0);
    word = "MANIFEST is no regular file";
  }
  SECTION("MANIFEST is a link") {
    fs::rename(last / "MANIFEST", folder / "elsewhere");
    fs::create_symlink(folder / "elsewhere", last / "MANIFEST");
    word = "MANIFEST is no regular file";
  }
  SECTION("a copy of the one before") {
    fs::remove_all(last);
    fs::copy(before, last, fs::copy_options::recursive);
    word = "it is another step's";
  }
  const Outcome o = must(folder, short_run() + saves + Arguments{"--resume", "auto"});
  CHECK_THAT(o.err, Contains("step-00000003 is damaged (") && Contains(word));
  CHECK(slurp(last / "model.safetensors") == straight);
}

TEST_CASE("a log that was lost is not counted as though it were there", "[e2e][safety]") {
  const LargerPictures folder;
  const Arguments saves = {"--save-every", "3", "--keep", "3"};
  must(folder, short_run("2") + saves);
  fs::copy(folder / "run", folder / "copy", fs::copy_options::recursive);
  const auto go_on = [&] {  // from step 3
    fs::remove_all(folder / "run/checkpoints/step-00000006");
    return must(folder, short_run("2") + saves + Arguments{"--resume", "auto"}).err;
  };
  fs::remove(folder / "run/log.jsonl");
  CHECK_THAT(go_on(), Contains("has lost"));
  CHECK(log_lines(folder / "run", "step").size() == 3);
  go_on();  // the log now holds the steps 4 to 6 once
  CHECK(log_lines(folder / "run", "step").size() == 3);
  CHECK(log_lines(folder / "run", "epoch").size() == 1);
  CHECK(log_lines(folder / "run", "eval").size() == 1);
}

TEST_CASE("temporaries of a killed process go, also where it had this one's number", "[safety]") {
  const TempFolder folder;
  const std::string path = folder / "out.txt";
  const auto temporary = [&](long pid, int n) {
    return path + ".tmp-" + std::to_string(pid) + "-" + std::to_string(n);
  };
  for (int n = 0; n < 2000; ++n) write(temporary(::getpid(), n), "half");  // whatever number comes next
  fledge::write_file_atomic(path, "whole");
  CHECK(text_of(path) == "whole");
  write(temporary(::getppid(), 0), "of one whose number lives on");
  write(folder / "out.txt.tmp-1x-0", "somebody's");
  fs::create_directory(folder / "out.txt.tmp-20240102-3");  // a folder is none of ours
  {
    fledge::AtomicFile alive(path);  // who writes holds a lock, whatever its number
    fledge::remove_dead_temporaries(path);
    std::set<std::string> left;
    for (const auto& entry : fs::directory_iterator(folder.path())) left.insert(entry.path().filename().string());
    CHECK(left.size() == 4);
    alive.append("new", 3);
    alive.commit();
  }
  CHECK(text_of(path) == "new");
  fledge::remove_dead_temporaries(path);
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path())) left.insert(entry.path().filename().string());
  CHECK(left == std::set<std::string>{"out.txt", "out.txt.tmp-1x-0", "out.txt.tmp-20240102-3"});
}

TEST_CASE("nothing outside the run's folder is touched", "[e2e][safety]") {
  const LargerPictures folder;
  SECTION("a folder of somebody else") {
    fs::create_directories(folder / "run");
    write(folder / "run/thesis.txt", "years of work");
    CHECK(run_fledge(folder, short_run()).code == 2);
    CHECK(std::distance(fs::directory_iterator(folder / "run"), fs::directory_iterator{}) == 1);
  }
  SECTION("links that lead elsewhere") {
    must(folder, short_run());
    for (const std::string name : {"lock", "log.jsonl", "metrics.json", "config.toml", "checkpoints"}) {
      INFO(name);
      const fs::path inside = folder / ("run/" + name), outside = folder / ("outside-" + name);
      fs::rename(inside, outside);
      fs::create_symlink(outside, inside);
      const auto before = fs::last_write_time(outside);
      const Outcome refused =
          run_fledge(folder, short_run("2") + Arguments{"--resume", "auto", "--resume-allow-change", "true"});
      CHECK((refused.code == 2 || refused.code == 3));
      CHECK(fs::last_write_time(outside) == before);
      fs::remove(inside);
      fs::rename(outside, inside);
    }
  }
  SECTION("a refused start leaves no folder") {
    CHECK(run_fledge(folder, short_run() + Arguments{"--distill", "relative=1"}).code == 2);
    CHECK_FALSE(fs::exists(folder / "run"));
  }
}

TEST_CASE("impossible numbers in a run's state are refused by name", "[e2e][safety]") {
  const LargerPictures folder;
  must(folder, short_run());
  const std::string state = folder / "run/checkpoints/step-00000003/state.json";
  for (const std::string text : {std::string(R"({"format":"fledge-state-2","step":-4})"), std::string(200000, '[')}) {
    write(state, text);
    const Outcome refused = run_fledge(folder, short_run() + Arguments{"--resume", "auto"});
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains("state.json"));
  }
}

TEST_CASE("an output is no device: it would be replaced by a file", "[e2e][safety]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 28, 11);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--test", "train", "--run", "run"});
  must(folder, {"embed", "--model", "run", "--data", "train", "--output", "e", "--quiet"});
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("/dev/full", folder / "full");
  for (const char* output : {"pipe", "full"})
    for (const Arguments& arguments :
         {Arguments{"eval", "--embeddings", "e.npy", "--table", "e.tsv", "--per-class", output},
          {"convert", "run", "-o", output},
          {"report", "run", "-o", output},
          {"data", "prepare", "--data", "train", "--output", output}}) {
      const Outcome o = run_fledge(folder, arguments);
      INFO(arguments[0] << " " << o.err);
      CHECK((o.code == 4 || o.code == 2));  // 2: convert looks at the name first
      CHECK_FALSE(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / output)));
    }
}

TEST_CASE("output to a full device is an error", "[e2e][safety]") {
  const LargerPictures folder;
  const std::string command = std::string("cd '") + (folder / ".") + "' && '" + FLEDGE_BINARY +
                              "' data stats --data data/test >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());
  CHECK(WEXITSTATUS(status) == 4);
}
