// A run goes on with what it began with, or says what has changed: pictures, classes, labels, the teacher, the machine.
// The teacher's cache knows pictures by what they are.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using Snapshot = std::map<std::string, Bytes>;

/// Every file below a folder.
Snapshot files_below(const std::string& folder) {
  Snapshot all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all[entry.path().string()] = slurp(entry.path().string());
  return all;
}

/// Replaces a file's bytes by others of the same number, and sets its time back: only ctime tells.
void change_quietly(const std::string& path) {
  const auto time = fs::last_write_time(path);
  Bytes bytes = slurp(path);
  bytes[bytes.size() - 5] ^= 1;  // in the checksum of the last chunk of a PNG
  spill(path, bytes);
  fs::last_write_time(path, time);
}

void swap_files(const std::string& a, const std::string& b) {
  fs::rename(a, a + ".swap");
  fs::rename(b, a);
  fs::rename(a + ".swap", b);
}

struct Trained {
  TempFolder folder;
  explicit Trained(const Arguments& more = {}) : more_(more) {
    make_pictures(folder / "train", 6, 8, 28, 31);
    make_pictures(folder / "test", 3, 8, 28, 32);
  }
  Arguments run() const { return Arguments{"train"} + tiny() + more_ + Arguments{"--run", "run"}; }
  void train() const { must(folder, run()); }
  /// The refusal of a run whose folder must stay as it is.
  std::string refused(const Arguments& more = {}) const {
    const Snapshot before = files_below(folder / "run");
    const Outcome o = run_fledge(folder, run() + more + Arguments{"--resume", "auto"});
    INFO(o.err);
    CHECK(o.code == 2);
    CHECK(files_below(folder / "run") == before);
    return o.err;
  }
  /// A run of three epochs, stopped after a few steps.
  Arguments stopped_run() const {
    return run() + Arguments{"--batches-per-epoch", "5", "--epochs", "3", "--save-every", "2"};
  }
  void stop() const {
    Process first(folder, stopped_run());
    wait_until(first, [&] { return log_lines(folder / "run", "step").size() >= 3; });
    first.signal(SIGTERM);
    REQUIRE(first.wait().code == 143);
  }

 private:
  Arguments more_;
};

}  // namespace

TEST_CASE("a run is not resumed on other pictures, whatever their number and sizes", "[e2e][identity]") {
  const Trained t;
  t.train();
  CHECK_FALSE(
      read_json(t.folder / "run/checkpoints/step-00000003/state.json").at("identity").get<std::string>().empty());
  must(t.folder, t.run() + Arguments{"--resume", "auto"});

  SECTION("a class with another name in the same place") {
    fs::rename(t.folder / "train/class0", t.folder / "train/class00");
    CHECK_THAT(t.refused(), Contains("train: 1 class is gone ('class0')") && Contains("1 class is new ('class00')") &&
                                Contains("8 pictures are gone ('class0/0.png', ") && Contains(", ...)"));
  }
  SECTION("two pictures that have changed places") {
    swap_files(t.folder / "train/class1/0.png", t.folder / "train/class4/3.png");
    CHECK_THAT(t.refused(), Contains("train: 2 pictures have other contents ('class1/0.png', 'class4/3.png')"));
  }
  SECTION("one bit of one picture, at the same size and time") {
    change_quietly(t.folder / "train/class2/1.png");
    CHECK_THAT(t.refused(),
               Contains("train: 1 picture has another content ('class2/1.png')") && Contains("--resume-allow-change"));
  }
  SECTION("a test picture") {
    change_quietly(t.folder / "test/class2/1.png");
    CHECK_THAT(t.refused(), Contains("test: 1 picture has another content ('class2/1.png')"));
  }
  SECTION("touched files are no other pictures") {
    for (const auto& entry : fs::recursive_directory_iterator(t.folder / "train"))
      if (entry.is_regular_file()) fs::last_write_time(entry.path(), fs::file_time_type::clock::now());
    must(t.folder, t.run() + Arguments{"--resume", "auto"});
  }
  SECTION("without the file beside it, the checkpoint still knows that something has changed") {
    fs::remove(t.folder / "run/identity.tsv");
    must(t.folder, t.run() + Arguments{"--resume", "auto"});
    fs::remove(t.folder / "run/identity.tsv");
    change_quietly(t.folder / "train/class2/1.png");
    CHECK_THAT(t.refused(), Contains("has changed") && Contains("identity.tsv' is missing"));
  }
  SECTION("allowed when asked for, and said in the log") {
    swap_files(t.folder / "train/class2/1.png", t.folder / "train/class3/1.png");
    const Arguments on = t.run() + Arguments{"--resume", "auto", "--epochs", "2", "--resume-allow-change", "true"};
    CHECK_THAT(must(t.folder, on).err,
               Contains("resumed although what it learns from has changed: train: 2 pictures have "));
    REQUIRE(log_lines(t.folder / "run", "warning").size() == 1);
    CHECK_THAT(log_lines(t.folder / "run", "warning")[0], Contains("class2/1.png"));
    must(t.folder, on);  // now these are its pictures
  }
}

TEST_CASE("a run is not resumed on a list with other labels or boxes", "[e2e][identity]") {
  Trained t({"--train", "list.csv", "--boxes", "both"});
  const auto write_list = [&](int swapped, int left) {
    std::ofstream list(t.folder / "list.csv");
    list << "path,label,x,y,width,height\n";
    for (int i = 0; i < 48; ++i) {
      const int c = i / 8;
      list << "train/class" << c << "/" << i % 8 << ".png,class" << (c < 2 && i % 8 < swapped ? 1 - c : c) << ","
           << (i == 7 ? left : 1) << ",1,20,20\n";
    }
  };
  write_list(0, 1);
  t.train();
  must(t.folder, t.run() + Arguments{"--resume", "auto"});
  write_list(1, 1);
  CHECK_THAT(t.refused(), Contains("2 pictures have other labels ('train/class0/0.png', 'train/class1/0.png')"));
  write_list(0, 2);
  CHECK_THAT(t.refused(), Contains("1 picture has another box or super-class ('train/class0/7.png')"));
  write_list(0, 1);
  must(t.folder, t.run() + Arguments{"--resume", "auto"});
}

TEST_CASE("a student is not resumed with another teacher of the same name", "[e2e][identity]") {
  const Trained t;
  const auto teach = [&](const std::string& seed) {
    fs::remove_all(t.folder / "teacher");
    must(t.folder, Arguments{"train"} + tiny() + Arguments{"--seed", seed, "--run", "teacher"});
  };
  const Arguments student =
      Arguments{"distill"} + tiny() +
      Arguments{"--teacher", "teacher", "--distill", "relative=0.3", "--run", "run", "--resume", "auto"};
  teach("1");
  must(t.folder, student);
  must(t.folder, student);
  teach("2");
  const Outcome o = run_fledge(t.folder, student);
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("the teacher's weights are others"));
}

TEST_CASE("what only changes bits is said and allowed", "[e2e][identity]") {
  const Trained t;
  t.stop();
  const auto finish = [&](const Arguments& more) {
    return must(t.folder, t.stopped_run() + more + Arguments{"--resume", "auto"}).err;
  };
  const Snapshot stopped = files_below(t.folder / "run");
  const auto again = [&] {
    fs::remove_all(t.folder / "run");
    for (const auto& [path, bytes] : stopped) {
      fs::create_directories(fs::path(path).parent_path());
      spill(path, bytes);
    }
  };
  CHECK_THAT(finish({}), !Contains("not bit-exact"));
  CHECK(log_lines(t.folder / "run", "warning").empty());
  again();
  CHECK_THAT(finish({"--threads", "2"}), Contains("warning: not bit-exact: resumed with 2 threads, was 1"));
  const auto warnings = log_lines(t.folder / "run", "warning");
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Contains("not bit-exact"));
  CHECK(log_lines(t.folder / "run", "step").size() == 15);
  again();
  const Setting reference("FLEDGE_CPU_KERNELS", "simd");
  CHECK_THAT(finish({}), Contains("not bit-exact: resumed with kernels simd, was onednn"));
}

TEST_CASE("test pictures that are trained on are named", "[e2e][identity]") {
  const Trained t;
  fs::copy(t.folder / "train/class3/2.png", t.folder / "test/class1/copy.png");
  const Outcome o = must(t.folder, t.run());
  const std::string text = "1 of the 25 test pictures is a training picture too ('class1/copy.png' = 'class3/2.png')";
  CHECK_THAT(o.err, Contains("warning: " + text));
  REQUIRE(log_lines(t.folder / "run", "warning").size() == 1);
  CHECK_THAT(log_lines(t.folder / "run", "warning")[0], Contains(text));
  CHECK(read_json(t.folder / "run/metrics.json").at("test_pictures_trained_on") == 1);
}

TEST_CASE("the teacher's cache knows pictures by what they are", "[e2e][identity]") {
  const Trained t;
  must(t.folder, Arguments{"train"} + tiny() + Arguments{"--run", "teacher"});
  const auto student = [&](const std::string& name, const Arguments& more) {
    must(t.folder, Arguments{"distill"} + tiny() +
                       Arguments{"--teacher", "teacher", "--distill", "relative=1", "--loss", "none", "--crops", "1",
                                 "--run", name} +
                       more);
    return log_lines(t.folder / name, "step");
  };
  const Arguments cache = {"--teacher-cache", "kept.cache"};
  const auto first = student("first", cache);
  const auto size = fs::file_size(t.folder / "kept.cache");
  CHECK(student("same", cache) == first);
  CHECK(fs::file_size(t.folder / "kept.cache") == size);
  SECTION("all pictures replaced under their names") {
    fs::remove_all(t.folder / "train");
    make_pictures(t.folder / "train", 6, 8, 28, 77);
    const auto without = student("without", {});
    CHECK(without != first);
    CHECK(student("with", cache) == without);
    CHECK(student("again", cache) == without);
  }
  SECTION("one picture replaced: the entries of the others stay") {
    swap_files(t.folder / "train/class1/0.png", t.folder / "train/class1/1.png");
    const auto without = student("without", {});
    CHECK(student("with", cache) == without);
    const std::size_t record = 40 + 16 * 4 + 8;
    CHECK(fs::file_size(t.folder / "kept.cache") <= size + 2 * record);
  }
  SECTION("going on without it is said, as it changes the last bits") {
    student("shorter", cache + Arguments{"--save-every", "1", "--keep", "2"});
    const std::string run = t.folder / "shorter", newest = run + "/checkpoints/" + checkpoints(run).back();
    fs::remove_all(newest);  // so there is a step to go
    const Outcome o =
        must(t.folder, Arguments{"distill"} + tiny() +
                           Arguments{"--teacher", "teacher", "--distill", "relative=1", "--loss", "none", "--crops",
                                     "1", "--save-every", "1", "--keep", "2", "--run", "shorter", "--resume", "auto"});
    CHECK_THAT(o.err, Contains("not bit-exact: resumed with teacher cache none, was used"));
  }
  SECTION("a cache of the first format is begun anew") {
    {
      std::fstream file(t.folder / "kept.cache", std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(21);
      file.put('1');
    }
    const Outcome o = run_fledge(t.folder, Arguments{"distill"} + tiny() +
                                               Arguments{"--teacher", "teacher", "--distill", "relative=1", "--loss",
                                                         "none", "--crops", "1", "--run", "anew", "--quiet=false"} +
                                               cache);
    CHECK(o.code == 0);
    CHECK_THAT(o.err, Contains("begun anew"));
    CHECK(log_lines(t.folder / "anew", "step") == first);
    CHECK(fs::file_size(t.folder / "kept.cache") == size);
  }
}

TEST_CASE("a checkpoint from before pictures were remembered is resumed with a word", "[e2e][identity]") {
  const TempFolder folder;
  make_pictures(folder / "data/train", 6, 8, 36, 11);
  make_pictures(folder / "data/test", 3, 8, 36, 12);
  fs::copy(std::string(FLEDGE_SOURCE_DIR) + "/tests/apps/checkpoints/state-1", folder / "run",
           fs::copy_options::recursive);
  const Outcome o = must(folder, {"train", "--config", "run/config.toml", "--run", "run", "--resume", "auto",
                                  "--epochs", "2", "--resume-allow-change", "true"});
  CHECK_THAT(o.err, Contains("the checkpoint does not say what the pictures were"));
  CHECK_FALSE(read_json(folder / "run/checkpoints/step-00000006/state.json").at("identity").get<std::string>().empty());
}
