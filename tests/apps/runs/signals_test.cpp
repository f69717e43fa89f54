// The wish to stop, as threads see it: set by the thread that takes the signals. Also under the thread sanitizer
// (scripts/sanitize.sh threads), hence without the binary.
#include "apps/cli/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>
#include <vector>

using namespace fledge;

namespace {

constexpr int kPatience = 20;  // seconds until a signal must have been taken

/// The exit code of a process of one thread that does `work`, 1000 and the signal that ended it. A process of its own,
/// as other tests may have left threads here that take signals, and Catch has its own handlers.
template <class Work>
int alone(Work work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
    ::_exit(work());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void send(int signal) { ::kill(::getpid(), signal); }

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

/// Here and in a new thread.
bool blocked_everywhere(int signal) {
  bool there = false;
  std::thread([&] { there = blocked(signal); }).join();
  return there && blocked(signal);
}

}  // namespace

TEST_CASE("no thread that computes is interrupted by a handler", "[signals]") {
  CHECK(alone([] {
          watch_signals();
          for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            if (!blocked_everywhere(signal)) return 1;
          watch_signals();
          send(SIGINT);
          return wished() == SIGINT ? 0 : 2;
        }) == 0);
  CHECK(alone([] {
          watch_signals();
          let_signals_end();
          for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            if (blocked_everywhere(signal)) return 1;
          send(SIGTERM);
          ::sleep(kPatience);
          return 2;
        }) == 1000 + SIGTERM);
}

TEST_CASE("every thread sees the wish to stop, whichever of them the signal met", "[signals]") {
  CHECK(alone([] {
          watch_signals();
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
          if (stop_signal() != 0) return 1;
          send(SIGTERM);
          for (std::thread& t : threads) t.join();
          return seen == 4 * SIGTERM && stop_signal() == SIGTERM ? 0 : 2;
        }) == 0);
}

TEST_CASE("a second signal ends the process at once, with its own exit code", "[signals]") {
  CHECK(alone([] {
          watch_signals();
          send(SIGTERM);
          if (wished() != SIGTERM) return 1;
          send(SIGINT);
          ::sleep(kPatience);
          return 0;
        }) == 128 + SIGINT);
}

TEST_CASE("a hang-up stays ignored where it was, and asks for a stop elsewhere", "[signals]") {
  CHECK(alone([] {
          ::signal(SIGHUP, SIG_IGN);
          watch_signals();
          send(SIGHUP);
          ::usleep(50'000);
          if (stop_signal() != 0) return 1;
          ::signal(SIGHUP, SIG_DFL);
          watch_signals();
          send(SIGHUP);
          return wished() == SIGHUP ? 0 : 2;
        }) == 0);
}
