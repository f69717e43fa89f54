// The wish to stop, as threads see it: set by a handler that may run on any of them. Also under the thread sanitizer
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

}  // namespace

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
  CHECK(::kill(::getpid(), SIGTERM) == 0);  // to the process: any thread may take it
  for (std::thread& t : threads) t.join();
  CHECK(seen == 4 * SIGTERM);
  CHECK(stop_signal() == SIGTERM);
}

TEST_CASE("a second signal ends the process at once, with its own exit code", "[signals]") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    watch_signals();
    ::raise(SIGTERM);
    if (stop_signal() != SIGTERM) ::_exit(1);
    ::raise(SIGINT);
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
    ::raise(SIGHUP);
    CHECK(stop_signal() == 0);
    ::signal(SIGHUP, SIG_DFL);
    watch_signals();
    ::raise(SIGHUP);
    CHECK(stop_signal() == SIGHUP);
  }
}
