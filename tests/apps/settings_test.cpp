// Settings of training and distillation through the real binary: who has labels, who sees what, which checkpoint is the
// result, several seeds, and the file that keeps the teacher's embeddings.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "io/checkpoint/safetensors.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct TeacherAndPictures {
  TeacherAndPictures() {
    make_pictures(folder / "train", 6, 8, 32, 21);
    make_pictures(folder / "test", 3, 8, 32, 22);
    must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "teacher", "--epochs", "2", "--lr", "3e-3"});
  }
  Arguments student(const std::string& run, const std::string& distill = "relative=0.3") const {
    return Arguments{"distill"} + tiny("mobilenet_v1") +
           Arguments{"--teacher", "teacher", "--distill", distill, "--run", run};
  }
  Outcome refused(const Arguments& arguments, int code) const {
    const Outcome out = run_fledge(folder, arguments);
    CHECK(out.code == code);
    return out;
  }
  TempFolder folder;
};

std::string model_bytes(const std::string& run) {
  return text_of(run + "/checkpoints/" + checkpoints(run).back() + "/model.safetensors");
}

std::vector<double> logged(const std::string& run, const std::string& name) {
  std::vector<double> values;
  for (const auto& line : log_lines(run, "step")) values.push_back(json::parse(line).at(name));
  return values;
}

}  // namespace

TEST_CASE("kept teacher embeddings change nothing", "[e2e][settings]") {
  const TeacherAndPictures p;
  const Arguments cache = {"--teacher-cache", "kept.cache", "--epochs", "2"};
  must(p.folder, p.student("plain") + Arguments{"--epochs", "2"});
  must(p.folder, p.student("first") + cache);
  const auto size = std::filesystem::file_size(p.folder / "kept.cache");
  must(p.folder, p.student("second") + cache);
  CHECK(std::filesystem::file_size(p.folder / "kept.cache") == size);  // all was there
  for (const char* run : {"first", "second"}) {
    CHECK(model_bytes(p.folder / run) == model_bytes(p.folder / "plain"));
    CHECK(log_lines(p.folder / run, "step") == log_lines(p.folder / "plain", "step"));
  }
  // The pictures are the same whether their labels are used or not.
  must(p.folder, p.student("unlabelled") + cache +
                     Arguments{"--labelled", "0.5", "--batch-size", "24", "--unlabelled-per-batch", "12"});
  // With crops that take turns, the epochs after them cost the student alone.
  const Arguments two = {"--teacher-cache", "two.cache", "--crops", "2"};
  must(p.folder, p.student("two") + two + Arguments{"--epochs", "2"});
  const auto two_size = std::filesystem::file_size(p.folder / "two.cache");
  must(p.folder, p.student("four") + two + Arguments{"--epochs", "4"});
  // No more than two crops of each of the 48 pictures: identifier, 16 numbers, checksum.
  CHECK(std::filesystem::file_size(p.folder / "two.cache") <= 48 * 2 * (40 + 16 * 4 + 8) + 1024);
  CHECK(std::filesystem::file_size(p.folder / "two.cache") >= two_size);

  SECTION("a run that is stopped and goes on has the rows of an undisturbed one, of batches kept in part too") {
    const Arguments turns = {"--crops", "2", "--epochs", "4", "--batch-size", "8", "--batches-per-epoch", "2"};
    must(p.folder, p.student("whole") + turns + Arguments{"--teacher-cache", "whole.cache"});
    must(p.folder, p.student("ahead") + turns + Arguments{"--teacher-cache", "ahead.cache"});
    // As though killed behind its last step, before any checkpoint: all that it kept is there.
    must(p.folder, p.student("again") + turns + Arguments{"--teacher-cache", "ahead.cache"});
    CHECK(model_bytes(p.folder / "again") == model_bytes(p.folder / "whole"));
    CHECK(log_lines(p.folder / "again", "step") == log_lines(p.folder / "whole", "step"));
  }
  SECTION("who holds the cache is waited for, and a wish to stop is heard") {
    const int fd = ::open((p.folder / "kept.cache").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(fd, LOCK_EX) == 0);
    Process waiting(p.folder, p.student("waits") + cache);
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    waiting.signal(SIGTERM);
    const Outcome o = waiting.wait();
    CHECK(o.code == 143);
    CHECK_THAT(o.err, Contains("waiting for another process that holds the teacher cache 'kept.cache'"));
    ::close(fd);
  }
  SECTION("a record cut short or damaged is computed again") {
    std::filesystem::resize_file(p.folder / "kept.cache", size - 7);
    must(p.folder, p.student("cut") + cache);
    CHECK(model_bytes(p.folder / "cut") == model_bytes(p.folder / "plain"));
    CHECK(std::filesystem::file_size(p.folder / "kept.cache") == size);
    {
      std::fstream file(p.folder / "kept.cache", std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(size) - 20);
      file.put('\x7f');
    }
    must(p.folder, p.student("damaged") + cache);
    CHECK(model_bytes(p.folder / "damaged") == model_bytes(p.folder / "plain"));
  }
  SECTION("another teacher, other crops and foreign files are refused") {
    must(p.folder, Arguments{"train"} + tiny() + Arguments{"--run", "other", "--seed", "3"});
    Arguments other = p.student("x") + cache + Arguments{"--teacher", "other"};
    CHECK_THAT(p.refused(other, 2).err, Contains("is of another run") && Contains("teacher"));
    CHECK_THAT(p.refused(p.student("x") + cache + Arguments{"--flip", "0"}, 2).err, Contains("flip = 0.5"));
    CHECK_THAT(p.refused(p.student("x") + cache + Arguments{"--seed", "9"}, 2).err, Contains("seed = 0"));
    std::ofstream(p.folder / "text.cache") << "nothing of the kind";
    CHECK_THAT(p.refused(p.student("x") + Arguments{"--teacher-cache", "text.cache"}, 3).err,
               Contains("is no teacher cache"));
    CHECK_FALSE(std::filesystem::exists(p.folder / "x"));
  }
}

TEST_CASE("pictures without labels teach through the teacher's losses only", "[e2e][settings]") {
  const TeacherAndPictures p;
  const Arguments half = {"--labelled", "0.5", "--unlabelled-per-batch", "4", "--batch-size", "12"};
  must(p.folder, p.student("half") + half);
  CHECK(logged(p.folder / "half", "triplet").size() == logged(p.folder / "half", "relative").size());
  // With the metric loss alone the unlabelled rows change nothing but batch norm: the distillation sees all 12.
  const Outcome stats = must(p.folder, p.student("noted") + half + Arguments{"--quiet=false"});
  CHECK_THAT(stats.err, Contains("labels: of 24 of 48 pictures"));
  make_pictures(p.folder / "more", 2, 6, 32, 23);
  const Outcome more =
      must(p.folder, p.student("more-run") + Arguments{"--unlabelled", "more", "--unlabelled-per-batch", "4",
                                                       "--batch-size", "12", "--quiet=false"});
  CHECK_THAT(more.err, Contains("labels: of 48 of 60 pictures"));
  CHECK_THAT(p.refused(p.student("x") + Arguments{"--unlabelled-per-batch", "4"}, 2).err,
             Contains("every picture has its label"));
  CHECK_FALSE(std::filesystem::exists(p.folder / "x"));
}

TEST_CASE("the student sees poor pictures, the teacher good ones", "[e2e][settings]") {
  const TeacherAndPictures p;
  must(p.folder, p.student("poor") + Arguments{"--degrade", "downsample=4"});
  must(p.folder, p.student("good"));
  CHECK(logged(p.folder / "poor", "loss") != logged(p.folder / "good", "loss"));
  // The model says what it was trained for; eval does the same to its queries unless told otherwise.
  const auto file = fledge::load_safetensors(
      p.folder / ("poor/checkpoints/" + checkpoints(p.folder / "poor").back() + "/model.safetensors"));
  CHECK(file.metadata.at("input_degrade") == "downsample=4");
  const Arguments eval = {"eval", "--data", "test", "--json", "--quiet", "--threads", "1", "--model", "poor"};
  const json stored = read_json(p.folder / "poor/metrics.json"), again = json::parse(must(p.folder, eval).out);
  for (const char* key : {"recall@1", "recall@4", "map@r"}) CHECK(again.at(key) == stored.at(key));
  const json good = json::parse(must(p.folder, eval + Arguments{"--degrade", "none"}).out);
  CHECK(good.at("map@r") != stored.at("map@r"));
  CHECK_THAT(p.refused(p.student("x") + Arguments{"--degrade", "downsmaple=2"}, 2).err, Contains("downsmaple"));
}

TEST_CASE("held-out classes choose the result", "[e2e][settings]") {
  const TeacherAndPictures p;
  const Arguments run =
      Arguments{"train"} + tiny() + Arguments{"--validation", "0.34", "--epochs", "6", "--keep", "1", "--lr", "3e-3"};
  must(p.folder, run + Arguments{"--run", "chosen"});
  const auto lines = log_lines(p.folder / "chosen", "validation");
  REQUIRE(lines.size() == 6);
  double best = -1;
  int epoch = 0;
  for (const auto& line : lines) {
    const json j = json::parse(line);
    if (j.at("recall@1") > best) best = j.at("recall@1"), epoch = j.at("epoch");
  }
  const json metrics = read_json(p.folder / "chosen/metrics.json");
  CHECK(metrics.at("epoch") == epoch);
  CHECK(metrics.at("selected_by") == "validation");
  const json direct = json::parse(
      must(p.folder, {"eval", "--model", "chosen", "--data", "test", "--json", "--quiet", "--threads", "1"}).out);
  CHECK(direct.at("map@r") == metrics.at("map@r"));
  CHECK(checkpoints(p.folder / "chosen").size() <= 2);  // the newest and the chosen

  SECTION("stopped and resumed it chooses the same") {
    must(p.folder, run + Arguments{"--run", "parts", "--epochs", "2"});
    must(p.folder, run + Arguments{"--run", "parts", "--resume", "auto", "--resume-allow-change", "true"});
    CHECK(read_json(p.folder / "parts/metrics.json") == metrics);
    CHECK(log_lines(p.folder / "parts", "validation") == lines);
  }
  SECTION("patience ends a run that gets no better") {
    must(p.folder, run + Arguments{"--run", "patient", "--lr", "0", "--patience", "2"});
    CHECK(log_lines(p.folder / "patient", "validation").size() == 3);
    CHECK(read_json(p.folder / "patient/metrics.json").at("epoch") == 1);
  }
  CHECK_THAT(p.refused(Arguments{"train"} + tiny() + Arguments{"--run", "x", "--patience", "2"}, 2).err,
             Contains("--validation 0.2"));
}

TEST_CASE("several seeds in one command", "[e2e][settings]") {
  const TeacherAndPictures p;
  must(p.folder, Arguments{"train"} + tiny() + Arguments{"--run", "t", "--seeds", "4,7", "--lr", "3e-3"});
  const Outcome out = must(p.folder, p.student("s") + Arguments{"--seeds", "4,7", "--teacher", "t-{seed}"});
  CHECK_THAT(out.out, Contains("+-") && Contains("s-4") && Contains("s-7"));
  CHECK_THAT(text_of(p.folder / "s-7/config.toml"), Contains("teacher = \"t-7\"") && Contains("seed = \"7\""));
  // Each is the run that it would be by itself.
  must(p.folder, p.student("single") + Arguments{"--seed", "7", "--teacher", "t-7"});
  CHECK(model_bytes(p.folder / "single") == model_bytes(p.folder / "s-7"));
  CHECK(model_bytes(p.folder / "s-4") != model_bytes(p.folder / "s-7"));
  CHECK_THAT(p.refused(p.student("x") + Arguments{"--seeds", "1,1"}, 2).err, Contains("there twice"));
}

TEST_CASE("teachers of another size, of the same kind, and trained by cross entropy first", "[e2e][settings]") {
  const TeacherAndPictures p;
  // A learnt projection where the embeddings differ in size.
  must(p.folder, p.student("small", "absolute=1") + Arguments{"--embedding", "6", "--regressor-lr-scale", "5"});
  CHECK_THAT(p.refused(p.student("x", "absolute=1") + Arguments{"--embedding", "6", "--projection", "off"}, 2).err,
             Contains("projection"));
  // Self-distillation: the same network again, from the teacher's own weights, where norms have no gradient.
  must(p.folder, Arguments{"distill"} + tiny() +
                     Arguments{"--teacher", "teacher", "--weights", "teacher", "--distill", "absolute=1,relative=1",
                               "--loss", "none", "--run", "again", "--freeze-bn", "true"});
  // Cross-entropy pre-training: a run whose weights the next one starts from.
  must(p.folder, Arguments{"train"} + tiny() + Arguments{"--loss", "softmax", "--run", "pretrained"});
  must(p.folder, Arguments{"train"} + tiny() + Arguments{"--weights", "pretrained", "--run", "tuned", "--lr", "0"});
  CHECK(read_json(p.folder / "tuned/metrics.json").at("queries") == 24);
}

TEST_CASE("a loss that remembers resumes exactly", "[e2e][settings]") {
  const TeacherAndPictures p;
  const Arguments run =
      Arguments{"train"} + tiny() + Arguments{"--loss", "memory", "--memory-size", "40", "--epochs", "4", "--run"};
  must(p.folder, run + Arguments{"straight"});
  must(p.folder, run + Arguments{"parts", "--epochs", "2"});
  must(p.folder, run + Arguments{"parts", "--resume", "auto", "--resume-allow-change", "true"});
  CHECK(model_bytes(p.folder / "parts") == model_bytes(p.folder / "straight"));
}
