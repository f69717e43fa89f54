// A run that was stopped and resumed ends in the same bytes as one that was not,
// and the number of workers changes nothing.
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

constexpr const char* kLast = "step-00000048";

// Three epochs of 16 steps with every augmentation on; a loss with parameters of its own, and a schedule.
Arguments long_run(const std::string& run, const std::string& workers) {
  return Arguments{"train"} + tiny() +
         Arguments{"--batches-per-epoch",
                   "16",
                   "--epochs",
                   "3",
                   "--loss",
                   "cosine-softmax",
                   "--schedule",
                   "cosine",
                   "--warmup-epochs",
                   "1",
                   "--head-lr-scale",
                   "3",
                   "--pad-shift",
                   "2",
                   "--seed",
                   "5",
                   "--workers",
                   workers,
                   "--run",
                   run};
}

std::size_t steps_logged(const std::string& run) { return log_lines(run, "step").size(); }

void check_same(const TempFolder& folder, const std::string& run) {
  INFO(run);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    INFO(file);
    const std::string straight = folder / (std::string("straight/checkpoints/") + kLast + "/" + file);
    REQUIRE_FALSE(slurp(straight).empty());
    CHECK(slurp(straight) == slurp(folder / (run + "/checkpoints/" + kLast + "/" + file)));
  }
  CHECK(log_lines(folder / run, "step") == log_lines(folder / "straight", "step"));
  CHECK(read_json(folder / (run + "/metrics.json")) == read_json(folder / "straight/metrics.json"));
}

}  // namespace

TEST_CASE("resumed runs equal straight ones, byte by byte", "[e2e][resume]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 11);
  make_pictures(folder / "test", 3, 8, 36, 12);
  must(folder, long_run("straight", "0"));
  REQUIRE(steps_logged(folder / "straight") == 48);

  SECTION("one and two workers") {
    for (const std::string workers : {"1", "2"}) {
      must(folder, long_run("w" + workers, workers));
      check_same(folder, "w" + workers);
    }
  }
  SECTION("killed after a checkpoint in the middle of an epoch") {
    Process first(folder, long_run("killed", "2") + Arguments{"--save-every", "7"});
    wait_until(first, [&] { return steps_logged(folder / "killed") >= 9; });
    first.signal(SIGKILL);
    CHECK(first.wait().code == 1000 + SIGKILL);
    const auto saved = checkpoints(folder / "killed");
    REQUIRE_FALSE(saved.empty());
    CHECK(std::stoi(saved.back().substr(5)) % 7 == 0);
    must(folder, long_run("killed", "0") + Arguments{"--resume", "auto"});
    check_same(folder, "killed");
  }
  SECTION("killed before the first checkpoint") {
    Process first(folder, long_run("early", "1"));
    wait_until(first, [&] { return steps_logged(folder / "early") >= 3; });
    first.signal(SIGKILL);
    first.wait();
    must(folder, long_run("early", "1") + Arguments{"--resume", "auto"});
    check_same(folder, "early");
  }
  SECTION("stopped by SIGTERM, then by SIGINT") {
    Process first(folder, long_run("stopped", "1"));
    wait_until(first, [&] { return steps_logged(folder / "stopped") >= 5; });
    first.signal(SIGTERM);
    CHECK(first.wait().code == 143);
    auto saved = checkpoints(folder / "stopped");
    REQUIRE(saved.size() == 1);
    CHECK(static_cast<std::size_t>(std::stoi(saved[0].substr(5))) == steps_logged(folder / "stopped"));
    const std::size_t before = steps_logged(folder / "stopped");
    must(folder, {"eval", "--model", "stopped", "--data", "test", "--quiet"});

    Process second(folder, long_run("stopped", "1") + Arguments{"--resume", "auto"});
    wait_until(second, [&] { return steps_logged(folder / "stopped") >= before + 4; });
    second.signal(SIGINT);
    CHECK(second.wait().code == 130);
    must(folder, long_run("stopped", "2") + Arguments{"--resume", "auto"});
    check_same(folder, "stopped");

    const Outcome again = must(folder, long_run("stopped", "0") + Arguments{"--resume", "auto"});
    CHECK_THAT(again.err, Contains("complete"));
    check_same(folder, "stopped");
  }
  SECTION("a damaged newest checkpoint: the one before it is taken") {
    Process first(folder, long_run("damaged", "0") + Arguments{"--save-every", "6"});
    wait_until(first,
               [&] { return checkpoints(folder / "damaged").size() >= 2 && steps_logged(folder / "damaged") > 13; });
    first.signal(SIGKILL);
    first.wait();
    auto saved = checkpoints(folder / "damaged");
    while (!saved.empty() && saved.front()[0] == '.')
      saved.erase(saved.begin());  // a checkpoint that was being written
    REQUIRE(saved.size() >= 2);
    const std::string newest = folder / ("damaged/checkpoints/" + saved.back() + "/model.safetensors");
    Bytes bytes = slurp(newest);
    bytes[bytes.size() / 2] ^= 1;
    spill(newest, bytes);
    const Outcome evaluated = must(folder, {"eval", "--model", "damaged", "--data", "test", "--quiet"});
    CHECK_THAT(evaluated.err, Contains(saved.back()) && Contains("damaged"));
    CHECK(std::filesystem::exists(newest));  // who only reads changes nothing
    const Outcome resumed = must(folder, long_run("damaged", "0") + Arguments{"--resume", "auto"});
    CHECK_THAT(resumed.err, Contains(saved.back()) && Contains("model.safetensors differs from its checksum"));
    CHECK(std::filesystem::exists(folder / ("damaged/checkpoints/" + saved.back() + ".corrupt")));
    check_same(folder, "damaged");
  }
}

TEST_CASE("a signal during the evaluation at the end loses nothing", "[e2e][resume]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 28, 13);
  // Enough test pictures that there is a moment to stop at.
  const Arguments run =
      Arguments{"train"} + tiny() +
      Arguments{"--test", "fashion-mnist:test", "--test-classes", "5-7", "--save-every", "1000", "--run", "run"};
  if (run_fledge(folder, {"data", "stats", "--data", "fashion-mnist:test"}).code != 0) {
    WARN("left out: no Fashion-MNIST on this machine");
    return;
  }
  Process first(folder, run);
  wait_until(first, [&] { return !log_lines(folder / "run", "epoch").empty(); });
  first.signal(SIGINT);
  CHECK(first.wait().code == 130);
  CHECK(checkpoints(folder / "run") == std::vector<std::string>{"step-00000003"});
  CHECK_FALSE(std::filesystem::exists(folder / "run/metrics.json"));
  must(folder, run + Arguments{"--resume", "auto"});
  CHECK(log_lines(folder / "run", "step").size() == 3);
  CHECK(read_json(folder / "run/metrics.json").at("queries") == 3000);
}
