// The wish to stop, as threads see it: set by the thread that takes the signals. Also under the thread sanitizer
// (scripts/sanitize.sh threads), hence without the binary.
#include "apps/common/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>
#include <vector>

using namespace fledge;

namespace {

/// The wish is gone again, and the signals do what they did before.
struct WatchedSignals {
  WatchedSignals() { watch_signals(); }
  ~WatchedSignals() {
    detail::stop_wish = 0;
    let_signals_end();
    for (const int signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
  }
};

constexpr int kPatience = 20;  // seconds until a signal must have been taken

/// What was asked for, once it was.
int wished() {
  for (int i = 0; i < kPatience * 1000 && stop_signal() == 0; ++i) ::usleep(1000);
  return stop_signal();
}

/// Of the calling thread.
bool blocked(int signal) {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return ::sigismember(&now, signal) == 1;
}

}  // namespace

TEST_CASE("no thread that computes is interrupted by a handler", "[signals]") {
  {
    const WatchedSignals watched;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      CHECK(blocked(signal));
      std::thread([&] { CHECK(blocked(signal)); }).join();
    }
    watch_signals();
    CHECK(::kill(::getpid(), SIGINT) == 0);
    CHECK(wished() == SIGINT);
  }
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) CHECK_FALSE(blocked(signal));
}

TEST_CASE("every thread sees the wish to stop, whichever of them the signal met", "[signals]") {
  const WatchedSignals watched;
  std::atomic<int> seen{0}, working{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      ++working;
      try {
        for (;;) {
          stop_if_asked();
          std::this_thread::yield();
        }
      } catch (const Stopped& stopped) {
        seen += stopped.signal;
      }
    });
  while (working < 4) std::this_thread::yield();
  CHECK(stop_signal() == 0);
  CHECK(::kill(::getpid(), SIGTERM) == 0);
  for (std::thread& t : threads) t.join();
  CHECK(seen == 4 * SIGTERM);
  CHECK(stop_signal() == SIGTERM);
}

TEST_CASE("a second signal ends the process at once, with its own exit code", "[signals]") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    watch_signals();
    ::kill(::getpid(), SIGTERM);
    if (wished() != SIGTERM) ::_exit(1);
    ::kill(::getpid(), SIGINT);
    ::sleep(kPatience);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGINT);
}

TEST_CASE("a hang-up stays ignored where it was, and asks for a stop elsewhere", "[signals]") {
  ::signal(SIGHUP, SIG_IGN);
  {
    const WatchedSignals watched;
    ::kill(::getpid(), SIGHUP);
    ::usleep(20'000);
    CHECK(stop_signal() == 0);
    ::signal(SIGHUP, SIG_DFL);
    watch_signals();
    ::kill(::getpid(), SIGHUP);
    CHECK(wished() == SIGHUP);
  }
}
