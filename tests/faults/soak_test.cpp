// Promises 1, 7 and 23 at length: random kills, random signals, and a run that must not grow. Hidden: scripts/soak.sh
// runs them, FLEDGE_SOAK_RUNS times where runs are counted.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "tests/faults/sweep.h"

using namespace fledge::test;
using Clock = std::chrono::steady_clock;

namespace {

int soak_runs() {
  const char* text = std::getenv("FLEDGE_SOAK_RUNS");
  return text ? std::atoi(text) : 5;
}

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

Arguments forty_steps() {
  return Arguments{"train"} + tiny() +
         Arguments{"--workers",    "1", "--batches-per-epoch", "10", "--epochs", "4",
                   "--save-every", "5", "--eval-every",        "1",  "--loss",   "triplet",
                   "--seed",       "5"};
}

/// An undisturbed run, what it left, and how long it took.
struct Undisturbed {
  TempFolder folder;
  RunContents whole;
  double seconds = 0;

  Undisturbed() {
    make_pictures(folder / "train", 6, 8, 36, 11);
    make_pictures(folder / "test", 3, 8, 36, 12);
    const auto start = Clock::now();
    must(folder, forty_steps() + Arguments{"--run", "whole"});
    seconds = seconds_since(start);
    whole = contents_of(folder / "whole");
    REQUIRE(whole.log.size() >= 40);
  }

  Arguments command() const { return forty_steps() + Arguments{"--run", "r", "--resume", "auto"}; }
  void begin_anew() const { std::filesystem::remove_all(folder / "r"); }
  void check_finished() const {
    must(folder, command());
    CHECK(difference(contents_of(folder / "r"), whole) == "");
  }
};

std::int64_t resident_kib(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; in >> word;)
    if (word == "VmRSS:") {
      std::int64_t kib = 0;
      in >> kib;
      return kib;
    }
  return 0;
}

}  // namespace

TEST_CASE("three kills at random moments of each run", "[.soak][kills]") {
  const Undisturbed whole;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> moment(0.02, whole.seconds * 0.8);
  int kills = 0;
  for (int run = 0; run < soak_runs(); ++run) {
    INFO("run " << run);
    whole.begin_anew();
    for (int i = 0; i < 3; ++i) {
      Process p(whole.folder, whole.command());
      sleep_for(moment(random));
      kills += p.running();
      p.signal(SIGKILL);
      p.wait();
    }
    whole.check_finished();
  }
  REQUIRE(kills > 0);
  std::cout << kills << " kills of " << soak_runs() << " runs" << std::endl;
}

TEST_CASE("signals at random moments stop within five seconds, with a checkpoint", "[.soak][signals]") {
  const Undisturbed whole;
  std::mt19937 random(4);
  std::uniform_real_distribution<double> moment(0.01, whole.seconds);
  double longest = 0;
  int stopped = 0;
  for (int run = 0; run < soak_runs(); ++run) {
    const int number = run % 2 ? SIGINT : SIGTERM;
    whole.begin_anew();
    Process p(whole.folder, whole.command());
    sleep_for(moment(random));
    const auto start = Clock::now();
    p.signal(number);
    const Outcome o = p.wait();
    longest = std::max(longest, seconds_since(start));
    INFO("run " << run << ", signal " << number << ": " << o.err);
    const bool before_main = o.code == 1000 + number;  // the loader has no handler yet
    CHECK((o.code == 0 || o.code == 128 + number || before_main));
    stopped += o.code == 128 + number;
    whole.check_finished();
  }
  CHECK(longest < 5);
  REQUIRE(stopped > 0);
  std::cout << stopped << " runs stopped, the slowest in " << longest << " s" << std::endl;
}

TEST_CASE("a run of two thousand steps does not grow", "[.soak][growth]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 11);
  make_pictures(folder / "test", 3, 8, 36, 12);
  Process p(folder, Arguments{"train"} + tiny() +
                        Arguments{"--batches-per-epoch", "100", "--epochs", "22", "--save-every", "100", "--workers",
                                  "1", "--run", "r", "--eval-every", "5"});
  const auto steps = [&] {
    std::error_code none;
    return std::filesystem::exists(folder / "r/log.jsonl", none) ? log_lines(folder / "r", "step").size() : 0;
  };
  const auto resident_at = [&](std::size_t step) {
    while (p.running() && steps() < step) sleep_for(0.2);
    REQUIRE(p.running());
    return resident_kib(p.pid());
  };
  // The first evaluation, at step 500, takes room of its own once.
  const std::int64_t early = resident_at(600), late = resident_at(2150);
  CHECK(p.wait().code == 0);
  std::cout << "resident after 600 steps " << early << " KiB, after 2,150 " << late << " KiB" << std::endl;
  CHECK(late - early < 1550);  // promise 23: less than 1 MB in 1,000 steps
}
